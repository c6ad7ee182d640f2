"""PostgreSQL's own types, and how connections to it fail."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from connector.errors import ConfigurationError, SourceError
from connector.sources.registry import open_source
from tests.postgres import Postgres
from tests.sources.warehouses import opened, warehouse

DIGITS = "123456789012345678901234567890123456789012345.000000000000000000001"
UUID = "9b2f6a40-2b0c-4a8e-8d57-0a1b2c3d4e5f"


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.new_database()


def value_of(url: str, sql: str) -> Any:
    """The first value of a query, NULL following it."""
    with opened(url, Path()) as source, source.execute(f"SELECT {sql} AS v UNION ALL SELECT NULL") as result:
        values = [value for batch in result.batches() for value in batch.column(0).to_pylist()]
    assert values[1:] == [None]
    return values[0]


VALUES: dict[str, Any] = {
    f"{DIGITS}::numeric": DIGITS,
    "12.30::numeric(10, 2)": "12.30",
    "'NaN'::numeric": "nan",
    f"'{UUID}'::uuid": UUID,
    f"ARRAY['{UUID}', NULL]::uuid[]": [UUID, None],
    """'{"a": [1, "é"]}'::jsonb""": '{"a": [1, "é"]}',
    """'{"a":1}'::json""": '{"a":1}',
    "ARRAY['one', NULL, '']::text[]": ["one", None, ""],
    "ARRAY[]::text[]": [],
    "ARRAY[1.50, NULL]::numeric[]": ["1.50", None],
    "'good'::mood": "good",
    "ARRAY['good']::mood[]": ["good"],
    "'x'::varchar(3)": "x",
    "'Infinity'::float8": float("inf"),
    "7::smallint": 7,
}


@pytest.mark.parametrize("sql", VALUES)
def test_a_value_loses_nothing(url: str, sql: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('good', 'bad')")
    assert value_of(url, sql) == VALUES[sql]


def test_a_number_that_is_none_stays_one(url: str) -> None:
    value = value_of(url, "'NaN'::float8")
    assert value != value


def test_uuids_come_through_in_every_batch(url: str) -> None:
    sql = f"SELECT CASE WHEN n % 3 > 0 THEN '{UUID}'::uuid END AS v FROM generate_series(1, 100000) AS g (n)"
    with opened(url, Path()) as source, source.execute(sql) as result:
        values = [value for batch in result.batches() for value in batch.column(0).to_pylist()]
    assert values == [UUID if n % 3 else None for n in range(1, 100_001)]


def test_the_application_is_named_by_the_tag(url: str) -> None:
    with open_source(warehouse(url), Path(), "connector:purchases") as source:
        with source.execute("SELECT current_setting('application_name') AS name") as result:
            assert [batch.to_pylist() for batch in result.batches()] == [[{"name": "connector:purchases"}]]


def test_options_are_the_drivers_and_go_before_the_url(url: str) -> None:
    with opened(f"{url}?application_name=url", Path(), options={"application_name": "options"}) as source:
        with source.execute("SELECT current_setting('application_name') AS name") as result:
            assert [batch.to_pylist() for batch in result.batches()] == [[{"name": "options"}]]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql+psycopg", "redshift+psycopg2"])
def test_other_spellings_of_the_scheme_are_read_alike(url: str, scheme: str) -> None:
    with opened(url.replace("postgresql", scheme), Path()) as source:
        assert source.describe("SELECT 1 AS n").names == ["n"]


@pytest.fixture
def guarded(postgres: Postgres) -> str:
    """The URL of a user of whom a password is asked, with a wrong one."""
    rules = ["host all guarded 127.0.0.1/32 scram-sha-256", "host all all 127.0.0.1/32 trust", "local all all trust"]
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        ((file,),) = connection.execute("SHOW hba_file").fetchall()
        lines = ", ".join(f"'{rule}'" for rule in rules)
        connection.execute(f"COPY (SELECT unnest(ARRAY[{lines}])) TO '{file}'".encode())
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("DROP ROLE IF EXISTS guarded")
        connection.execute("CREATE ROLE guarded LOGIN PASSWORD 'right ''sec\\ret'")
    return postgres.url.replace("postgres@", "guarded:wrong%20secret@")


def test_a_wrong_password_is_told_without_it_and_the_right_one_in_the_settings_lets_in(guarded: str) -> None:
    with pytest.raises(SourceError, match='password authentication failed for user "guarded"') as caught:
        with opened(guarded, Path()):
            pass
    assert "secret" not in str(caught.value)
    for settings in ({"password": "right 'sec\\ret"}, {"token": "right 'sec\\ret"}):
        with opened(guarded, Path(), **settings) as source:
            assert source.describe("SELECT 1 AS n").names == ["n"]


WRONG: dict[str, tuple[Callable[[str], str], str]] = {
    "database": (lambda url: f"{url}_not", 'database ".*_not" does not exist'),
    "user": (lambda url: url.replace("postgres@", "nobody:secret@"), 'role "nobody" does not exist'),
    "port": (lambda url: "postgresql://jo:secret@127.0.0.1:1/shop", "Connection refused"),
    "host": (lambda url: "postgresql://jo:secret@no-such-host.invalid/shop", "no-such-host.invalid"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_a_connection_is_told_in_one_sentence(url: str, what: str) -> None:
    change, told = WRONG[what]
    with pytest.raises(SourceError, match=f"could not be opened: .*{told}") as caught:
        with opened(change(url), Path()):
            pass
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_url_that_cannot_be_read_is_refused_without_repeating_it() -> None:
    with pytest.raises(ConfigurationError, match="postgresql://user@host:5432/database") as caught:
        with opened("postgresql://jo:secret@host:port/shop", Path()):
            pass
    assert "secret" not in str(caught.value)
