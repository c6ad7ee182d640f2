"""Literals, read back by real databases."""

import math
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.dialects import dialect_named
from connector.core.lexer import Kind, tokenize
from connector.queries.literals import LiteralError, identifier, literal
from tests.postgres import Postgres
from tests.queries.queries import rendered

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
HOSTILE = st.text(st.sampled_from(list("'\"`\\;-/*$#[]{}()\n\r\t aE0\u2019\u02bc\uff07%:?")), max_size=12)
WORDS = TEXT | HOSTILE
DIALECTS = [
    "duckdb",
    "postgresql",
    "sqlite",
    "mysql",
    "snowflake",
    "bigquery",
    "databricks",
    "redshift",
    "mssql",
    "oracle",
    "clickhouse",
    "trino",
]


@pytest.fixture(scope="module")
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


@pytest.fixture(scope="module")
def lite() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    yield connection
    connection.close()


def row(connection: Any, *columns: str) -> tuple[Any, ...]:
    found: tuple[Any, ...] = connection.execute(f"SELECT {', '.join(columns)}").fetchone()
    return found


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
)


@given(value=SCALARS)
def test_duckdb_reads_back_what_was_written(duck: duckdb.DuckDBPyConnection, value: object) -> None:
    (found,) = row(duck, literal(value, dialect_named("duckdb")))
    assert (found, type(found)) == (value, type(value))


@given(value=SCALARS.filter(lambda value: not isinstance(value, bool | float)))
def test_sqlite_reads_back_what_was_written(lite: sqlite3.Connection, value: object) -> None:
    (found,) = row(lite, literal(value, dialect_named("sqlite")))
    assert (found, type(found)) == (value, type(value))


@given(value=st.floats(-1e15, 1e15))
def test_sqlite_reads_back_floats_as_well_as_it_can(lite: sqlite3.Connection, value: float) -> None:
    """SQLite promises 15 significant digits when it reads a number (sqlite.org/floatingpoint.html)."""
    (found,) = row(lite, literal(value, dialect_named("sqlite")))
    assert isinstance(found, float)
    assert math.isclose(found, value, rel_tol=1e-15, abs_tol=1e-300)


@given(value=st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12))
def test_duckdb_reads_back_decimals(duck: duckdb.DuckDBPyConnection, value: Decimal) -> None:
    assert row(duck, literal(value, dialect_named("duckdb"))) == (value,)


@given(value=st.dates(date(1, 1, 1), date(9999, 12, 31)))
def test_duckdb_reads_back_dates(duck: duckdb.DuckDBPyConnection, value: date) -> None:
    assert row(duck, literal(value, dialect_named("duckdb"))) == (value,)


ZONES: Any = st.none() | st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))


@given(value=st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30), timezones=ZONES))  # noqa: DTZ001
def test_duckdb_reads_back_times_in_utc(duck: duckdb.DuckDBPyConnection, value: datetime) -> None:
    expected = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    assert row(duck, f"CAST({literal(value, dialect_named('duckdb'))} AS TIMESTAMP)") == (expected,)


MOMENT = datetime(2026, 1, 2, 4, 4, 5, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_a_moment_is_the_same_in_every_time_zone_of_the_session(zone: str) -> None:
    """Columns without a zone hold times of the session, as `now()::TIMESTAMP` gives them."""
    sql = literal(MOMENT, dialect_named("duckdb"))
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = '{zone}'")
        moment = f"make_timestamptz({int(MOMENT.timestamp()) * 1_000_000})"
        for column in (moment, f"CAST({moment} AS TIMESTAMP)"):
            later, earlier = f"{column} + INTERVAL 1 SECOND", f"{column} - INTERVAL 1 SECOND"
            compared = (f"{column} = {sql}", f"{later} > {sql}", f"{earlier} < {sql}")
            assert row(connection, *compared) == (True, True, True)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_a_moment_is_the_same_in_every_time_zone_of_postgresql(postgres: Postgres, zone: str) -> None:
    sql = literal(MOMENT, dialect_named("postgresql"))
    with psycopg.connect(postgres.url, options=f"-c TimeZone={zone}") as connection:
        moment = f"to_timestamp({int(MOMENT.timestamp())})"
        assert row(connection, f"{moment} = {sql}", f"{moment}::timestamp = {sql}") == (True, True)


@given(values=st.lists(WORDS | st.integers(-100, 100), min_size=1, max_size=5))
def test_a_list_holds_each_of_its_values(duck: duckdb.DuckDBPyConnection, values: list[object]) -> None:
    dialect = dialect_named("duckdb")
    texts = [str(value) for value in values]
    for text in texts:
        assert row(duck, f"{literal(text, dialect)} IN {literal(texts, dialect)}") == (True,)


@given(name=WORDS.filter(bool))
def test_a_quoted_name_is_that_name(duck: duckdb.DuckDBPyConnection, lite: sqlite3.Connection, name: str) -> None:
    for connection, dialect in ((duck, "duckdb"), (lite, "sqlite")):
        quoted = str.__str__(identifier(name, dialect_named(dialect)))
        assert connection.execute(f"SELECT 1 AS {quoted}").description[0][0] == name


@given(dialect=st.sampled_from(DIALECTS), value=WORDS)
def test_a_text_is_one_piece_of_its_dialect(dialect: str, value: str) -> None:
    """Whatever the text holds, what follows it is code again."""
    sql = literal(value, dialect_named(dialect)) + " , "
    assert [(piece.kind, piece.text) for piece in tokenize(sql, dialect_named(dialect))] == [
        (Kind.QUOTED_TEXT, sql[:-3]),
        (Kind.CODE, " , "),
    ]


CONTEXTS = [
    "SELECT {{ parameters.s }} AS a",
    "SELECT a FROM (SELECT {{ parameters.s }}) AS t(a)",
    "-- {{ parameters.s }}\nSELECT {{ parameters.s }}",
    "/* {{ parameters.s }} */ SELECT {{ parameters.s }} -- {{ parameters.s }}",
    "SELECT 'a' || {{ parameters.s }}||'b' ; -- {{ parameters.s }}",
    "{% macro m(x) %}{{ x }}{% endmacro %}SELECT {{ m(parameters.s) }}",
    'SELECT {{ parameters.s ~ "\'" ~ parameters.s }}',
    "SELECT 1 AS {{ ('x' ~ parameters.s) | identifier }}",
]


@given(text=st.sampled_from(CONTEXTS), value=WORDS)
def test_no_text_adds_a_statement_or_leaves_its_place(duck: duckdb.DuckDBPyConnection, text: str, value: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        sql = rendered(Path(directory), text, s=value)
        harmless = rendered(Path(directory), text, s="harmless")
    (statement,) = duckdb.extract_statements(sql)
    assert statement.type == duckdb.StatementType.SELECT
    kinds = [piece.kind for piece in tokenize(sql, dialect_named("duckdb"))]
    assert kinds == [piece.kind for piece in tokenize(harmless, dialect_named("duckdb"))]
    assert len(duck.execute(sql).fetchall()) == 1


@given(value=WORDS)
def test_a_value_keeps_what_it_is_next_to_anything(duck: duckdb.DuckDBPyConnection, value: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        sql = rendered(Path(directory), "SELECT 'a'||{{ parameters.s }}||'b', ({{ parameters.s }})", s=value)
    assert duck.execute(sql).fetchone() == (f"a{value}b", value)


@pytest.mark.parametrize(
    ("dialect", "value", "sql"),
    [
        ("duckdb", "a\\'", "'a\\'''"),
        ("postgresql", "a\\", "'a\\'"),
        ("mysql", "a\\'b", "'a\\\\''b'"),
        ("snowflake", "a\\", "'a\\\\'"),
        ("bigquery", "a'\n\\", "'a\\'\\n\\\\'"),
        ("databricks", "it's", "'it\\'s'"),
        ("oracle", True, "1"),
        ("mssql", False, "0"),
        ("postgres", True, "TRUE"),
        ("sqlite", date(2026, 1, 2), "'2026-01-02'"),
        ("mssql", date(2026, 1, 2), "CAST('2026-01-02' AS DATE)"),
        ("sqlite", datetime(2026, 1, 2, tzinfo=UTC), "'2026-01-02 00:00:00'"),
        ("mssql", datetime(2026, 1, 2, tzinfo=UTC), "CAST('2026-01-02 00:00:00+00:00' AS DATETIMEOFFSET)"),
        ("snowflake", MOMENT, "CAST('2026-01-02 03:04:05+00:00' AS TIMESTAMP_TZ)"),
        ("redshift", MOMENT, "TIMESTAMPTZ '2026-01-02 03:04:05+00:00'"),
        ("bigquery", MOMENT, "TIMESTAMP '2026-01-02 03:04:05+00:00'"),
        ("mysql", MOMENT, "TIMESTAMP '2026-01-02 03:04:05'"),
        ("mariadb", MOMENT.replace(tzinfo=None), "TIMESTAMP '2026-01-02 04:04:05'"),
        ("mysql", date(2026, 1, 2), "DATE '2026-01-02'"),
        ("clickhouse", MOMENT, "CAST('2026-01-02 03:04:05' AS DateTime64(6, 'UTC'))"),
        ("clickhouse", MOMENT.replace(tzinfo=None), "CAST('2026-01-02 04:04:05' AS DateTime64(6))"),
        ("clickhouse", date(2026, 1, 2), "DATE '2026-01-02'"),
        ("snowflake", MOMENT.replace(tzinfo=None), "TIMESTAMP '2026-01-02 04:04:05'"),
        ("duckdb", Decimal("1E+3"), "1000"),
        ("duckdb", -1, "(-1)"),
        ("duckdb", 0.5, "0.5e0"),
        ("duckdb", ((1, 2), (3, 4)), "((1, 2), (3, 4))"),
        ("duckdb", [None], "(NULL)"),
    ],
)
def test_literals_of_the_dialects(dialect: str, value: object, sql: str) -> None:
    assert literal(value, dialect_named(dialect)) == sql


@pytest.mark.parametrize(
    ("dialect", "value"),
    [
        ("duckdb", math.nan),
        ("duckdb", math.inf),
        ("duckdb", Decimal("NaN")),
        ("duckdb", []),
        ("duckdb", [[]]),
        ("duckdb", {"a": 1}),
        ("duckdb", b"a"),
        ("duckdb", "a\0b"),
        ("duckdb", "\ud800"),
        ("some_new_database", "a\\b"),
    ],
)
def test_what_has_no_literal_is_refused(dialect: str, value: object) -> None:
    with pytest.raises(LiteralError):
        literal(value, dialect_named(dialect))


@pytest.mark.parametrize(
    ("dialect", "name", "sql"),
    [
        ("duckdb", 'a"b', '"a""b"'),
        ("mysql", "a`b", "`a``b`"),
        ("bigquery", "a.b", "`a.b`"),
        ("snowflake", "a", '"a"'),
    ],
)
def test_names_of_the_dialects(dialect: str, name: str, sql: str) -> None:
    assert str.__str__(identifier(name, dialect_named(dialect))) == sql


@pytest.mark.parametrize(
    ("dialect", "name"),
    [
        *(("bigquery", name) for name in ("`", "a`b", "``", "a``b", "a` UNION ALL SELECT 1 -- ")),
        *((name, "a\\b") for name in ("bigquery", "mysql", "snowflake", "databricks", "unheard_of")),
        *((name, "") for name in ("duckdb", "bigquery")),
        *((name, "a\0b") for name in ("duckdb", "bigquery")),
        *((name, "a\ud800") for name in ("duckdb", "bigquery")),
    ],
)
def test_a_name_that_a_dialect_cannot_quote_is_refused(dialect: str, name: str) -> None:
    with pytest.raises(LiteralError, match="name|character"):
        identifier(name, dialect_named(dialect))
