"""A secret that is written as a shell variable is a mistake; one that only contains a dollar sign is none."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.config.validate_entry import shell_variable
from connector.errors import ConfigurationError
from tests.config.project import BASE, changed, line_of, load, problems

TOKEN = "{access_token: token-that-never-prints}"
MISTAKES = {
    "${TIKTOK_TOKEN}": "TIKTOK_TOKEN",
    "$TIKTOK_TOKEN": "TIKTOK_TOKEN",
    " ${TIKTOK_TOKEN} ": "TIKTOK_TOKEN",
    "${tiktok_token}": "tiktok_token",
    "${TIKTOK_TOKEN:-none}": "TIKTOK_TOKEN",
    "${TIKTOK_TOKEN:?is not set}": "TIKTOK_TOKEN",
    "${env:TIKTOK_TOKEN}": "TIKTOK_TOKEN",
    "${env.TIKTOK_TOKEN}": "TIKTOK_TOKEN",
    "${{ env.TIKTOK_TOKEN }}": "TIKTOK_TOKEN",
    "${{ secrets.TIKTOK_TOKEN }}": "TIKTOK_TOKEN",
    "$env:TIKTOK_TOKEN": "TIKTOK_TOKEN",
    "$(TIKTOK_TOKEN)": "TIKTOK_TOKEN",
    "%TIKTOK_TOKEN%": "TIKTOK_TOKEN",
    "$(cat x)": "NAME",
    "$(<token.txt)": "NAME",
    "$ecret1": "NAME",
    "$tiktok_token": "NAME",
}
SECRETS = [
    "pa$$word", "pa$word", "a$B", "$", "$$", "$1", "$1abc", "abc$", "$A-B", "$A B", "${}", "${A", "{A}", "$ {A}", "100%",
    "%a%", "%20%", "p%41%", "{{ env.TOKEN }}", "{{ env.TOKEN }}$X", "$A.B", "x${A}", "${A}x", "TIKTOK_TOKEN", "",
]  # fmt: skip
URLS = {
    "postgresql://shop:${PGPASSWORD}@db.example/shop": "PGPASSWORD",
    "postgresql://${PGUSER}@db.example/shop": "PGUSER",
    "postgresql://shop:x${PGPASSWORD}@db.example/shop": "PGPASSWORD",
    "postgresql://shop:$PGPASSWORD@db.example/shop": "PGPASSWORD",
    "postgresql://$PGUSER:secret@db.example/shop": "PGUSER",
    "postgresql://shop:{{ env.A }}@${PGHOST}/shop": "PGHOST",
    "snowflake://shop@account/DB?token=${TOKEN}": "TOKEN",
    "postgresql://shop:pa$word@db.example/shop": None,
    "postgresql://shop:pa$$@db.example/shop": None,
    "postgresql://shop:$ecret@db.example/shop": None,
    "postgresql://shop:secret@db.example/$A": None,
    "duckdb:///demo/warehouse.duckdb": None,
}


@pytest.mark.parametrize(("value", "name"), MISTAKES.items())
def test_a_shell_variable_as_a_secret_is_told_with_what_to_write(tmp_path: Path, value: str, name: str) -> None:
    text = changed(TOKEN, f"\n    access_token: '{value}'")
    told = problems(tmp_path, text)
    place = f"{line_of(text, 'access_token')}: credentials.tiktok.access_token"
    assert f'{place} is written as a shell variable, which is not filled in; write "{{{{ env.{name} }}}}".' in told
    assert len(told) == 1 or "secrets" in value


@pytest.mark.parametrize("value", SECRETS)
def test_a_secret_with_a_dollar_sign_is_a_secret(value: str) -> None:
    assert shell_variable(value) is None


@given(st.text(st.characters(codec="ascii"), min_size=1))
def test_a_secret_that_ends_in_another_sign_is_a_secret(value: str) -> None:
    for sign in "!#-.@/":
        assert shell_variable(value.replace("://", "") + sign) is None


@pytest.mark.parametrize(("url", "name"), URLS.items())
def test_the_user_and_the_password_of_a_url(tmp_path: Path, url: str, name: str | None) -> None:
    text = changed('"duckdb:///demo/warehouse.duckdb"', f'"{url}"')
    if name is None:
        load(tmp_path, text)
        return
    (told,) = problems(tmp_path, text)
    assert told.startswith(f"{line_of(text, url)}: warehouses.demo.url is written as a shell variable")
    assert f'"{{{{ env.{name} }}}}"' in told
    assert "secret@" not in told


KEYS = {
    "credentials.tiktok.app_secret": (TOKEN, "{app_id: '1', refresh_token: r, app_secret: $VALUE}"),
    "credentials.tiktok.app_id": (TOKEN, "{app_secret: s, refresh_token: r, app_id: $VALUE}"),
    "credentials.tiktok.refresh_token": (TOKEN, "{app_id: '1', app_secret: s, refresh_token: $VALUE}"),
    "warehouses.demo.password": ("{url:", "{password: $VALUE, url:"),
    "warehouses.demo.token": ("{url:", "{token: $VALUE, url:"),
    "warehouses.demo.private_key_passphrase": ("{url:", "{private_key_passphrase: $VALUE, url:"),
    "warehouses.demo.private_key_file": ("{url:", "{private_key_file: $VALUE, url:"),
    "warehouses.demo.options.password": ("{url:", "{options: {password: $VALUE}, url:"),
    "warehouses.demo.url": ('"duckdb:///demo/warehouse.duckdb"', "$VALUE"),
    "destinations.stores.proxy": ("    event_source: offline\n", "    event_source: offline\n    proxy: $VALUE\n"),
    "ledger": ("version: 1\n", "version: 1\nledger: $VALUE\n"),
    "notifications.team": ("version: 1\n", "version: 1\nnotifications: {team: $VALUE}\n"),
    "targets.t.credentials.tiktok.access_token": (
        "version: 1\n", "version: 1\ntargets: {t: {credentials: {tiktok: {access_token: $VALUE}}}}\n"
    ),
}  # fmt: skip


@pytest.mark.parametrize("value", ["$VALUE", '"${VALUE}"'])
@pytest.mark.parametrize("key", KEYS)
def test_every_secret_is_looked_at(tmp_path: Path, key: str, value: str) -> None:
    old, new = KEYS[key]
    text = changed(old, new.replace("$VALUE", value))
    (told,) = problems(tmp_path, text)
    assert f"{key} is written as a shell variable" in told
    assert '"{{ env.VALUE }}"' in told


def test_what_the_environment_gives_is_taken_as_it_is(tmp_path: Path) -> None:
    text = changed(TOKEN, '{access_token: "{{ env.TOKEN }}"}')
    project = load(tmp_path, text, environ={"TOKEN": "$ecret"})
    access_token = project.credential("tiktok").access_token
    assert access_token is not None
    assert access_token.get_secret_value() == "$ecret"


def test_other_values_may_look_so(tmp_path: Path) -> None:
    load(tmp_path, BASE + "    parameters: {sign: $VALUE}\n    description: ${VALUE}\n")


SECRETS_OF_APPS = {
    "access_token": "{}",
    "app_secret": "{{app_id: '1', refresh_token: r, app_secret: {}}}",
    "refresh_token": "{{app_id: '1', app_secret: s, refresh_token: {}}}",
    "app_id": "{{app_secret: s, refresh_token: r, app_id: {}}}",
}
UNSENDABLE = ["one\\ntwo", "one two", "one\\ttwo", "`cat x`", "tokén", "one\\u2028two", "one\\u200btwo", "one\\x7ftwo"]


def credential(key: str, value: str) -> str:
    entry = SECRETS_OF_APPS[key].format(f'"{value}"')
    return changed(TOKEN, entry if key != "access_token" else f"\n    access_token: {entry}")


@pytest.mark.parametrize("key", SECRETS_OF_APPS)
def test_a_token_that_no_header_can_hold_is_refused_with_its_line(tmp_path: Path, key: str) -> None:
    for value in UNSENDABLE:
        text = credential(key, value)
        (told,) = problems(tmp_path, text)
        assert f"{line_of(text, key)}: credentials.tiktok.{key}" in told
        assert "must be one word of printable ASCII characters" in told
        assert key == "app_id" or "one" not in told.replace("one word", "")


@pytest.mark.parametrize("key", SECRETS_OF_APPS)
def test_a_token_of_the_environment_that_no_header_can_hold_is_refused(tmp_path: Path, key: str) -> None:
    text = credential(key, "{{ env.TOKEN }}")
    load(tmp_path, text, environ={})
    project = load(tmp_path, text, environ={"TOKEN": "one\ntwo"})
    with pytest.raises(ConfigurationError) as refused:
        project.credential("tiktok")
    assert "must be one word of printable ASCII characters" in str(refused.value)
    assert key == "app_id" or "two" not in str(refused.value)


@pytest.mark.parametrize("value", ["abc", " abc ", "abc\\n", "a$(b)c", "a.b-c_d=="])
@pytest.mark.parametrize("key", SECRETS_OF_APPS)
def test_a_token_that_a_header_can_hold_is_taken_without_blanks_around_it(tmp_path: Path, key: str, value: str) -> None:
    found = getattr(load(tmp_path, credential(key, value)).credential("tiktok"), key)
    plain = found if isinstance(found, str) else found.get_secret_value()
    assert plain == value.replace("\\n", "").strip()
