"""Snowflake's own driver, against a stand-in that speaks its protocol."""

from pathlib import Path
from typing import Any

import pytest

from connector.errors import ConfigurationError, SourceError
from connector.sources.registry import open_source
from tests.snowflake.account import PHRASE, Account
from tests.snowflake.logins import PASSWORD, TOKEN
from tests.sources.warehouses import opened, warehouse

NUMBERS = "SELECT seq4() AS n FROM TABLE(GENERATOR(ROWCOUNT => 10000))"


@pytest.fixture(autouse=True)
def as_usual(snowflake: Account) -> None:
    snowflake.set(expired=False, renewable=True, chunk_rows=1_000)


def logged_in(snowflake: Account, **settings: Any) -> dict[str, Any]:
    """What the server was told of the only login."""
    with opened(snowflake.url, Path(), **{"options": snowflake.server, **settings}) as source:
        with source.execute("SELECT 1 AS n") as result:
            assert [batch.num_rows for batch in result.batches()] == [1]
    (login,) = snowflake.log("login")
    return dict(login)


LOGINS: dict[str, tuple[dict[str, Any], str | None]] = {
    "password": ({"password": PASSWORD}, None),
    "OAuth": ({"token": TOKEN}, "OAUTH"),
    "token": ({"token": TOKEN, "authenticator": "PROGRAMMATIC_ACCESS_TOKEN"}, "PROGRAMMATIC_ACCESS_TOKEN"),
    "key pair": ({"private_key_passphrase": PHRASE}, "SNOWFLAKE_JWT"),
}


@pytest.mark.parametrize("way", LOGINS)
def test_each_way_to_log_in_lets_in(snowflake: Account, way: str) -> None:
    settings, authenticator = LOGINS[way]
    settings = dict(settings)
    if way == "key pair":
        settings["private_key_file"] = str(snowflake.private_key)
    if "authenticator" in settings:
        settings["options"] = {**snowflake.server, "authenticator": settings.pop("authenticator")}
    assert logged_in(snowflake, **settings)["login"]["AUTHENTICATOR"] == authenticator


REFUSED = {
    "password": ({"password": "wrong-secret"}, "390100"),
    "token": ({"token": "wrong-secret"}, "390303"),
    "phrase": ({"private_key_passphrase": "wrong-secret"}, ""),
}


@pytest.mark.parametrize("way", REFUSED)
def test_a_refused_login_is_told_with_snowflakes_code_and_without_the_secret(snowflake: Account, way: str) -> None:
    settings, code = REFUSED[way]
    key = {"private_key_file": str(snowflake.private_key)} if way == "phrase" else {}
    with (
        pytest.raises(SourceError) as caught,
        opened(snowflake.url, Path(), options=snowflake.server, **settings, **key),
    ):
        pass
    assert caught.value.message.startswith('The warehouse "shop" could not be opened: ')
    assert code in caught.value.message
    assert "wrong-secret" not in caught.value.message
    assert "\n" not in caught.value.message


def test_a_password_in_the_url_lets_in_and_one_in_the_settings_goes_before_it(snowflake: Account) -> None:
    for given, settings in ((PASSWORD.replace(" ", "%20"), {}), ("wrong", {"password": PASSWORD})):
        url = snowflake.url.replace("jo@", f"jo:{given}@")
        with opened(url, Path(), options=snowflake.server, **settings) as source:
            assert source.describe("SELECT 1 AS n").names == ["N"]


def test_database_schema_warehouse_and_role_are_those_of_the_url(snowflake: Account) -> None:
    asked = logged_in(snowflake, password=PASSWORD)["query"]
    assert asked == {"databaseName": "DB", "schemaName": "PUBLIC", "warehouse": "LOADING", "roleName": "READER"} | {
        key: asked[key] for key in asked if key.startswith("request")
    }


def test_the_tag_names_what_asks(snowflake: Account) -> None:
    with open_source(warehouse(**snowflake.settings), Path(), "connector:purchases:20261120T233412-c7af8b"):
        pass
    ((login),) = snowflake.log("login")
    assert login["login"]["SESSION_PARAMETERS"]["QUERY_TAG"] == "connector:purchases:20261120T233412-c7af8b"


@pytest.mark.parametrize("url", ["snowflake://", "snowflake://account/DB", "snowflake://jo:p@ss@x:port/DB"])
def test_a_url_without_a_user_or_an_account_is_refused_before_anything_is_opened(url: str) -> None:
    with (
        pytest.raises(ConfigurationError, match="snowflake://USER@ACCOUNT/DATABASE/SCHEMA") as caught,
        opened(url, Path()),
    ):
        pass
    assert "p@ss" not in str(caught.value)


def test_a_session_that_expires_is_renewed(snowflake: Account) -> None:
    with opened(directory=Path(), **snowflake.settings) as source:
        snowflake.set(expired=True)
        with source.execute(NUMBERS) as result:
            assert sum(batch.num_rows for batch in result.batches()) == 10_000
    assert snowflake.log("renewed") == [True]


def test_a_session_that_cannot_be_renewed_is_told_with_snowflakes_code(snowflake: Account) -> None:
    with opened(directory=Path(), **snowflake.settings) as source:
        snowflake.set(expired=True, renewable=False)
        with pytest.raises(SourceError, match="The query failed: .*(390114|390112|expired)"), source.execute(NUMBERS):
            pass
    assert snowflake.log("renewed") == [False]


def test_chunks_are_fetched_one_after_the_other_as_they_are_read(snowflake: Account) -> None:
    """The first thousand rows come with the answer."""
    with opened(directory=Path(), **snowflake.settings) as source, source.execute(NUMBERS) as result:
        batches = result.batches()
        assert next(batches).num_rows == 1_000
        assert snowflake.log("chunk") == []
        next(batches)
        assert len(snowflake.log("chunk")) == 1
        assert sum(batch.num_rows for batch in batches) == 8_000
    assert len(snowflake.log("chunk")) == 9


def test_the_result_knows_by_which_id_snowflakes_history_has_the_query(snowflake: Account) -> None:
    with opened(directory=Path(), **snowflake.settings) as source, source.execute("SELECT 1 AS n") as result:
        assert result.query_id
        assert result.query_id.startswith("01be")


def test_a_failing_query_is_told_with_code_and_id(snowflake: Account) -> None:
    with opened(directory=Path(), **snowflake.settings) as source, pytest.raises(SourceError) as caught:
        with source.execute("SELECT * FROM nowhere"):
            pass
    assert "The query failed: 002003 (42S02): " in caught.value.message
    assert "(query 01be" in caught.value.message


def test_a_query_that_is_cancelled_is_aborted_on_the_server(snowflake: Account) -> None:
    import threading

    busy = "SELECT count(*) AS n FROM TABLE(GENERATOR(ROWCOUNT => 1000000)) AS a, TABLE(GENERATOR(ROWCOUNT => 1000000)) AS b"
    with opened(directory=Path(), **snowflake.settings) as source:
        timer = threading.Timer(0.3, source.cancel)
        timer.start()
        with pytest.raises(SourceError, match="000604"), source.execute(busy):
            pass
        timer.join()
    assert len(snowflake.log("aborted")) == 1
