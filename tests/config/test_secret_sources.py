"""Secrets from files and from commands: read when they are needed, once, and never printed."""

import json
import os
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.api import open_project
from connector.core import secret_registry
from tests.cli.command import Outcome, connector, inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import TikTok, serving

VALUE = "value-of-a-vault-that-never-prints"


def script(folder: Path, text: str, name: str = "vault") -> Path:
    """A command that counts how often it is called."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho \"$@\" >> '{folder / 'calls'}'\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def calls(folder: Path) -> list[str]:
    path = folder / "calls"
    return path.read_text().splitlines() if path.exists() else []


def made_with(folder: Path, url: str, secrets: dict[str, Any], token: str, **changes: Any) -> Shop:
    made = shop(folder / "shop", url, GOOD.format(rows=3))
    settings = yaml.safe_load(made.settings.read_text())
    settings |= {"secrets": secrets, "credentials": {"tiktok": {"access_token": token}}, **changes}
    made.settings.write_text(yaml.safe_dump(settings))
    return made


def tokens(tiktok: TikTok) -> set[str]:
    return {request.headers.get("Access-Token", "") for request in tiktok.requests}


def state(made: Shop) -> str:
    """Everything below `.connector`, as text."""
    files = (path for path in made.state.rglob("*") if path.is_file())
    return "".join(path.read_bytes().decode("latin-1") for path in files)


# Where they come from -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n"])
def test_a_mounted_file_is_read_without_its_line_breaks(tmp_path: Path, ending: str) -> None:
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "tiktok_token").write_bytes(f"{VALUE}{ending}".encode())
    with serving() as tiktok:
        made = made_with(tmp_path, tiktok.url, {"folder": str(tmp_path / "mounted")}, "{{ file.tiktok_token }}")
        assert inside("run", NAME, project=made.directory).code == 0
        assert tokens(tiktok) == {VALUE}


def test_a_file_may_have_a_path_of_its_own_and_a_name_with_a_dot(tmp_path: Path) -> None:
    made = made_with(tmp_path, "simulator", {"folder": "here", "files": {"token": "there/x"}}, "{{ file.token }}")
    for name in ("here/tls.key", "there/x"):
        (made.directory / name).parent.mkdir()
        (made.directory / name).write_text(f"{name}-secret")
    project = open_project(made.directory).settings
    assert project.credential("tiktok").access_token.get_secret_value() == "there/x-secret"  # type: ignore[union-attr]
    settings = yaml.safe_load(made.settings.read_text())
    settings["credentials"]["tiktok"]["access_token"] = "{{ file['tls.key'] }}"
    made.settings.write_text(yaml.safe_dump(settings))
    project = open_project(made.directory).settings
    assert project.credential("tiktok").access_token.get_secret_value() == "here/tls.key-secret"  # type: ignore[union-attr]


def test_the_folder_is_that_of_containers(tmp_path: Path) -> None:
    made = made_with(tmp_path, "https://tiktok.example", {}, "{{ file.no_such_secret }}")
    outcome = inside("validate", NAME, project=made.directory)
    assert "needs the file /run/secrets/no_such_secret, which does not exist." in outcome.sentence


def test_a_command_is_run_once_without_a_shell_and_only_if_it_is_needed(tmp_path: Path) -> None:
    vault = script(tmp_path, f"echo {VALUE}")
    with serving() as tiktok:
        secrets = {"commands": {"token": [str(vault), "kv", "get", "a b; $(rm x) *"], "unused": [str(vault), "no"]}}
        made = made_with(tmp_path, tiktok.url, secrets, "{{ secret.token }}")
        assert inside("validate", project=made.directory).code == 0
        assert inside("runs", project=made.directory).code == 0
        assert inside("compile", NAME, project=made.directory).code == 0
        before = len(calls(tmp_path))
        assert inside("run", NAME, project=made.directory).code == 0
        assert tokens(tiktok) == {VALUE}
    assert calls(tmp_path)[before:] == ["kv get a b; $(rm x) *"]


def test_validation_runs_no_command_for_a_token(tmp_path: Path) -> None:
    vault = script(tmp_path, f"echo {VALUE}")
    made = made_with(tmp_path, "https://tiktok.example", {"commands": {"token": [str(vault)]}}, "{{ secret.token }}")
    assert inside("validate", NAME, project=made.directory).code == 0
    assert calls(tmp_path) == []


def test_a_simulator_needs_no_secret(tmp_path: Path) -> None:
    made = made_with(tmp_path, "simulator", {"commands": {"token": ["no-such-command"]}}, "{{ secret.token }}")
    assert inside("run", NAME, project=made.directory).code == 0


def test_it_runs_in_the_folder_of_the_project_with_the_environment(tmp_path: Path) -> None:
    vault = script(tmp_path, 'echo "$PWD-$VAULT_ADDR"')
    made = made_with(tmp_path, "https://x.example", {"commands": {"token": [str(vault)]}}, "{{ secret.token }}")
    environ = {**os.environ, "VAULT_ADDR": "vault.example"}
    token = open_project(made.directory, environ=environ).settings.credential("tiktok").access_token
    assert token is not None
    assert token.get_secret_value() == f"{made.directory}-vault.example"


# What goes wrong ----------------------------------------------------------------------------------------------

LEAK = "output-that-is-never-quoted"
WRONG_COMMANDS = {
    "fails": (f"echo {LEAK}; echo {LEAK} >&2; exit 7", 'whose command "vault" ended with exit code 7'),
    "prints nothing": ("true", "is empty"),
    "prints a blank line": ("echo ' '", "is empty"),
    "prints bytes": (r"printf '\377\376'", "is not text in UTF-8"),
    "prints a NUL": (r"printf 'a\0b'", "holds a NUL character"),
    "prints without end": (f"while echo {LEAK}; do :; done", "printed more than 64 KiB"),
    "takes too long": (f"echo {LEAK}; sleep 60", "took longer than 0.5 s; see secrets.timeout"),
    "leaves a process behind": (f"(sleep 60; echo {LEAK}) & echo {LEAK}", "took longer than 0.5 s"),
    "closes its output and goes on": ("exec >&-; sleep 60", "took longer than 0.5 s"),
}


@pytest.mark.parametrize("mistake", WRONG_COMMANDS)
def test_a_command_that_fails_is_told_in_a_sentence_without_its_output(tmp_path: Path, mistake: str) -> None:
    text, told = WRONG_COMMANDS[mistake]
    secrets = {"commands": {"token": [str(script(tmp_path, text))]}, "timeout": 0.5}
    made = made_with(tmp_path, "https://tiktok.example", secrets, "{{ secret.token }}")
    started = time.monotonic()
    outcome = inside("run", NAME, project=made.directory)
    assert time.monotonic() - started < 20
    assert (outcome.code, outcome.stdout) == (2, "")
    assert told in outcome.sentence
    assert "orchestrations.yaml:" in outcome.sentence
    assert LEAK not in outcome.stderr


def test_a_command_that_does_not_exist_or_is_no_program_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("x")
    for command, told in (("no-such-command", "is not installed"), (str(tmp_path / "text"), "cannot be run")):
        made = made_with(
            tmp_path / command.replace("/", "_"), "https://x.example", {"commands": {"t": [command]}}, "{{ secret.t }}"
        )
        assert told in inside("run", NAME, project=made.directory).sentence


WRONG_FILES = {
    "nothing": "does not exist",
    "a folder": "is not a regular file",
    "a pipe": "is not a regular file",
    "empty": "is empty",
    "too large": "is larger than 64 KiB",
    "bytes": "is not text in UTF-8",
}


@pytest.mark.parametrize("kind", WRONG_FILES)
def test_a_file_that_cannot_be_a_secret_is_named(tmp_path: Path, kind: str) -> None:
    made = made_with(tmp_path, "https://tiktok.example", {"folder": "."}, "{{ file.token }}")
    file = made.directory / "token"
    if kind == "a folder":
        file.mkdir()
    elif kind == "a pipe":
        os.mkfifo(file)
    elif kind != "nothing":
        file.write_bytes({"empty": b"\n", "too large": b"x" * 70_000, "bytes": b"\xff\xfe"}[kind])
    outcome = inside("run", NAME, project=made.directory)
    assert outcome.code == 2
    assert f"needs the file {file}, which {WRONG_FILES[kind]}" in outcome.sentence


@pytest.mark.parametrize("name", ["../token", "/etc/passwd", ".hidden", "a/b"])
def test_a_name_of_a_file_leads_to_no_other_folder(tmp_path: Path, name: str) -> None:
    made = made_with(tmp_path, "https://tiktok.example", {"folder": "."}, f'{{{{ file["{name}"] }}}}')
    assert "names a file that cannot be a secret's" in inside("run", NAME, project=made.directory).sentence


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "an unknown command": ({"commands": {"token": ["vault"]}}, "{{ secret.tokens }}", 'Did you mean "token"?'),
    "a text for a command": ({"commands": {"token": "vault kv get"}}, "x", "must have lists of words"),
    "no words": ({"commands": {"token": []}}, "x", "must have lists of words"),
    **{
        f"{words!r} for words": ({"commands": {"token": words}}, "x", "must have lists of words")
        for words in ([1, 2], ["vault", 2], [True], [None], [["vault"]], [{"a": "b"}], [1.5], {"a": "b"}, 1)
    },
    "an empty word": ({"commands": {"token": ["vault", ""]}}, "x", "must not be empty"),
    "an unknown key": ({"command": {}}, "x", 'Did you mean "commands"?'),
    "a secret of a secret": (
        {"commands": {"t": ["vault", "{{ secret.t }}"]}},
        "{{ secret.t }}",
        "cannot use a secret itself",
    ),
    "another object": ({}, "{{ secrets.token }}", "{{ secret.NAME }}"),
    "no time": ({"timeout": 0}, "x", "from 0.1 to 600"),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_wrong_settings_of_secrets_are_refused(tmp_path: Path, mistake: str) -> None:
    secrets, token, told = REFUSED[mistake]
    made = made_with(tmp_path, "https://tiktok.example", secrets, token)
    outcome = inside("validate", NAME, project=made.directory)
    assert outcome.code == 2
    assert told in outcome.stderr


@pytest.mark.parametrize("key", ["fixed_event_name", "advertiser_id", "description", "event_source_id"])
def test_a_secret_is_refused_where_messages_quote_the_value(tmp_path: Path, key: str) -> None:
    made = made_with(tmp_path, "simulator", {"folder": "."}, "x")
    settings = yaml.safe_load(made.settings.read_text())
    settings["destinations"]["stores"][key] = "{{ file.name }}"
    made.settings.write_text(yaml.safe_dump(settings))
    outcome = inside("validate", NAME, project=made.directory)
    assert f"destinations.stores.{key} is printed in messages, so no secret can be used here" in outcome.stderr


def test_parameters_of_a_query_take_no_secret(tmp_path: Path) -> None:
    made = made_with(tmp_path, "simulator", {"folder": "."}, "x")
    settings = yaml.safe_load(made.settings.read_text())
    settings["orchestrations"][NAME]["parameters"] = {"key": "{{ file.name }}"}
    made.settings.write_text(yaml.safe_dump(settings))
    assert "no secret can be used here" in inside("validate", NAME, project=made.directory).stderr


# Never printed ------------------------------------------------------------------------------------------------


def everything_said(made: Shop, *more: tuple[str, ...]) -> list[Outcome]:
    commands = (
        ("validate", "--json"), ("compile", NAME), ("preview", NAME), ("plan", NAME, "--json"), ("run", NAME, "--json"),
        ("run", NAME, "--verbose", "--debug"), ("runs", "show", "latest", "--requests", "--json"), ("destinations", "list", "--json"),
        ("destinations", "test", "stores", "--json"), ("auth", "status", "tiktok", "--json"), *more,
    )  # fmt: skip
    return [connector(*command, project=made.directory) for command in commands]


def test_a_secret_is_in_no_output_and_no_state(tmp_path: Path) -> None:
    vault = script(tmp_path, f"echo {VALUE}")
    with serving() as tiktok:
        made = made_with(tmp_path, tiktok.url, {"commands": {"token": [str(vault)]}}, "{{ secret.token }}")
        report = ("report", "latest", "-o", str(tmp_path / "report.html"))
        said = everything_said(made, report, ("runs", "export", "-o", str(tmp_path / "runs.parquet")))
        assert tokens(tiktok) == {VALUE}
    assert [one.code for one in said if one.code not in {0, 1}] == []
    assert VALUE not in "".join(one.stdout + one.stderr for one in said)
    assert VALUE not in state(made)
    assert VALUE not in (tmp_path / "report.html").read_text("utf-8")
    assert VALUE.encode() not in (tmp_path / "runs.parquet").read_bytes()


URL = f"postgresql://{VALUE}:{VALUE}-word@127.0.0.1:1/{VALUE}-database"


@pytest.mark.parametrize("options", [(), ("--debug",), ("--debug", "--log-format=json"), ("--json",)])
def test_a_driver_that_quotes_a_secret_is_not_printed(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The user and the database of a URL are quoted by the server and its driver."""
    (tmp_path / "url").write_text(URL)
    url = "{{ file.url }}"
    made = made_with(tmp_path, "simulator", {"folder": str(tmp_path)}, "x", warehouses={"own": {"url": url}})
    outcome = connector("run", NAME, *options, project=made.directory)
    assert outcome.code == 1
    assert VALUE not in outcome.stdout + outcome.stderr + state(made)


def test_a_stack_trace_that_quotes_a_secret_is_not_printed(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(VALUE)
    made = made_with(tmp_path, "https://127.0.0.1:1", {"folder": str(tmp_path)}, "{{ file.token }}")
    program = (
        "import sys, connector.cli as cli, connector.cli.commands.compile as one\n"
        "from connector.cli.process import configure_process\n"
        "from connector.api import open_project\n"
        "configure_process()\n"
        f"token = open_project({str(made.directory)!r}).settings.credential('tiktok').access_token.get_secret_value()\n"
        "print(token, repr(token), file=sys.stderr)\n"
        "raise SystemError(token)\n"
    )
    import subprocess

    from tests.cli.command import environment

    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(None), capture_output=True, text=True, check=False
    )
    assert "SystemError: [redacted]" in done.stderr
    assert VALUE not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (VALUE, f"the token {VALUE} is"),
        (VALUE, f"x={VALUE}&y"),
        ('say "no" & go', json.dumps({"a": 'say "no" & go'})),
        ('say "no" & go', "https://host/?x=say%20%22no%22%20%26%20go"),
        ("first line\nsecond line", "in it: second line."),
        ("postgresql://somebody:p%40ssword@host/db", "user somebody failed"),
        ("postgresql://somebody:p%40ssword@host/db", "with p@ssword"),
        ("postgresql://somebody:p%40ssword@host/db", "with p%40ssword"),
    ],
)
def test_every_form_in_which_a_message_quotes_a_secret_is_removed(
    monkeypatch: pytest.MonkeyPatch, value: str, printed: str
) -> None:
    monkeypatch.setattr(secret_registry, "_values", set())
    assert secret_registry.without_secrets(printed) == printed
    secret_registry.remember_secret(value)
    assert "[redacted]" in secret_registry.without_secrets(printed)
    assert secret_registry.without_secrets("host and db") == "host and db"


WORDS = (
    "2026",
    "completed",
    "run_id",
    "Purchase",
    "status",
    "delivered",
    "message",
    "time",
    NAME,
    "2026-11-30",
    "null",
)
"""Secrets that are also keys, ids, times, statuses, names of events, and words of the data."""
OBJECTS = (
    ("validate", "--json"), ("preview", NAME, "--json"), ("compile", NAME, "--json"), ("plan", NAME, "--json"),
    ("run", NAME, "--json"), ("runs", "--json"), ("runs", "show", "latest", "--requests", "--json"),
    ("destinations", "list", "--json"), ("auth", "status", "tiktok", "--json"),
)  # fmt: skip
DATA = (("preview", NAME), ("compile", NAME), ("runs",), ("runs", "show", "latest"), ("rejects", "latest"))


@pytest.mark.parametrize("word", WORDS)
def test_a_secret_that_is_an_ordinary_word_changes_no_object_and_no_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setattr(secret_registry, "_values", set())
    (tmp_path / "token").write_text(word)
    with serving() as tiktok:
        made = made_with(tmp_path, tiktok.url, {"folder": str(tmp_path)}, "{{ file.token }}")
        objects = {command: inside(*command, project=made.directory) for command in OBJECTS}
        data = [inside(*command, project=made.directory) for command in DATA]
        assert tokens(tiktok) == {word}
    assert "[redacted]" not in "".join(one.stdout for one in (*objects.values(), *data))
    record = objects["run", NAME, "--json"].record()
    assert (record["status"], record["orchestration"]) == ("completed", NAME)
    shown = objects["runs", "show", "latest", "--requests", "--json"].json
    assert shown["run_id"] == record["run_id"]
    assert shown["request_log"][0]["verdict"] == "accepted"
    first = objects["preview", NAME, "--json"].json["requests"][0]
    assert first["data"][0]["event"] == tiktok.events[0]["event"]
    assert secret_registry.without_secrets(f"token {word}.") == "token [redacted]."


@pytest.mark.parametrize("word", WORDS)
def test_log_lines_as_json_keep_their_keys_and_ids(tmp_path: Path, word: str) -> None:
    (tmp_path / "token").write_text(word)
    with serving() as tiktok:
        made = made_with(tmp_path, tiktok.url, {"folder": str(tmp_path)}, "{{ file.token }}")
        outcome = connector("run", NAME, "--json", "--verbose", "--log-format", "json", project=made.directory)
    lines = [json.loads(line) for line in outcome.stderr.splitlines()]
    assert lines
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    assert "[redacted]" not in outcome.stdout + json.dumps([{**line, "message": ""} for line in lines])
    assert outcome.record()["status"] == "completed"


def test_sentences_of_an_object_are_without_secrets_and_the_rest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_registry, "_values", set())
    text = "the token Purchase is wrong"
    entry = {
        "error": text,
        "notes": [text],
        "changes": (text,),
        "checks": [{"check": "Purchase", "sentence": text}],
        "problems": [{"message": text, "file": text}, text],
        "request_log": [{"message": text, "request_id": "Purchase"}],
        "Purchase": {"Purchase": "Purchase", "count": 1},
        "requests": [{"message": text}],
        "left_out": [{"message": text}],
        "warnings": {"Purchase": 1},
        "started_at": "Purchase",
    }
    assert secret_registry.without_secrets_in_texts(entry) == entry
    secret_registry.remember_secret("Purchase")
    clean = "the token [redacted] is wrong"
    assert secret_registry.without_secrets_in_texts(entry) == entry | {
        "error": clean,
        "notes": [clean],
        "changes": [clean],
        "checks": [{"check": "Purchase", "sentence": clean}],
        "problems": [{"message": clean, "file": text}, clean],
        "request_log": [{"message": clean, "request_id": "Purchase"}],
    }


@pytest.mark.parametrize(
    ("value", "text", "printed"),
    [
        ("2026", "run 20261130T1-a, target x2026", "run 20261130T1-a, target x2026"),
        ("2026", "token 2026, (2026) '2026' =2026&", "token [redacted], ([redacted]) '[redacted]' =[redacted]&"),
        ("2026", r"a\n2026\n %202026", r"a\n[redacted]\n %20[redacted]"),
        ("-ab-", "x-ab-y", "x[redacted]y"),
        ("longer-value", "xlonger-valuey", "x[redacted]y"),
    ],
)
def test_a_short_secret_is_removed_as_a_whole_word(
    monkeypatch: pytest.MonkeyPatch, value: str, text: str, printed: str
) -> None:
    monkeypatch.setattr(secret_registry, "_values", set())
    secret_registry.remember_secret(value)
    assert secret_registry.without_secrets(text) == printed


SHORT = "has fewer than 4 characters, so it is not removed from what is printed"


@pytest.mark.parametrize(("value", "is_short"), [("Q", True), ("Q7", True), ("Q7Z\n", True), ("Q7ZX", False)])
def test_a_secret_that_is_too_short_to_be_removed_is_named(tmp_path: Path, value: str, is_short: bool) -> None:
    (tmp_path / "token").write_text(value)
    vault = script(tmp_path, f"echo {value}")
    with serving() as tiktok:
        made = made_with(tmp_path, tiktok.url, {"folder": str(tmp_path)}, "{{ file.token }}")
        said = [inside(*command, project=made.directory) for command in (("validate",), ("run", NAME))]
        settings = yaml.safe_load(made.settings.read_text())
        settings |= {"secrets": {"commands": {"pin": [str(vault)]}}}
        settings["credentials"]["tiktok"]["access_token"] = "{{ secret.pin }}"
        made.settings.write_text(yaml.safe_dump(settings))
        unread, read = (inside(*command, project=made.directory) for command in (("validate",), ("run", NAME)))
    assert [f"The secret file.token {SHORT}" in one.stderr for one in said] == [is_short, is_short]
    assert (SHORT in unread.stderr, f"The secret secret.pin {SHORT}" in read.stderr) == (False, is_short)
    assert all(value.strip() not in one.stdout + one.stderr for one in (*said, unread, read) if len(value) > 1)


def test_a_short_value_removes_no_parts_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_registry, "_values", set())
    secret_registry.remember_secret("row")
    assert secret_registry.without_secrets("rows") == "rows"
