"""ClickHouse's types, sessions and errors, on its own engine."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from datetime import time as clock
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connector.errors import ConfigurationError, SourceError
from connector.sources.source import Source
from tests.clickhouse.server import ClickHouse
from tests.sources.warehouses import opened

pytestmark = pytest.mark.warehouses

UTC_TIME = pa.timestamp("us", "UTC")


class Shop:
    """A database and a connection to it."""

    def __init__(self, server: ClickHouse, source: Source, url: str) -> None:
        self.server, self.source, self.url = server, source, url

    def read(self, sql: str) -> pa.Table:
        with self.source.execute(sql) as result:
            return pa.Table.from_batches(result.batches(), result.schema)


@pytest.fixture
def made(clickhouse: ClickHouse, tmp_path: Path) -> Iterator[Shop]:
    url = clickhouse.new_database()
    with opened(url, tmp_path) as source:
        yield Shop(clickhouse, source, url)


TYPES = {
    "Int8": ("-3", pa.int8(), -3),
    "UInt64": ("18446744073709551615", pa.uint64(), 2**64 - 1),
    "Int128": ("-5", pa.string(), "-5"),
    "UInt256": ("5", pa.string(), "5"),
    "Decimal(18, 2)": ("'12.30'", pa.decimal128(18, 2), Decimal("12.30")),
    "Decimal(38, 10)": ("'-1.5'", pa.decimal128(38, 10), Decimal("-1.5")),
    "Decimal(76, 1)": ("'1.5'", pa.string(), "1.5"),
    "Float32": ("0.5", pa.float32(), 0.5),
    "Float64": ("0.1", pa.float64(), 0.1),
    "Bool": ("true", pa.bool_(), True),
    "LowCardinality(String)": ("'Zoë 🎈'", pa.string(), "Zoë 🎈"),
    "FixedString(5)": ("'EUR'", pa.string(), "EUR"),
    "UUID": ("'123e4567-e89b-12d3-a456-426655440000'", pa.string(), "123e4567-e89b-12d3-a456-426655440000"),
    "Enum8('it\\'s, (x)' = -2, 'b' = 1)": ("'it\\'s, (x)'", pa.string(), "it's, (x)"),
    "IPv4": ("'203.0.113.7'", pa.string(), "203.0.113.7"),
    "IPv6": ("'2001:db8::7'", pa.string(), "2001:db8::7"),
    "Date": ("'2026-11-20'", pa.date32(), date(2026, 11, 20)),
    "Date32": ("'1900-01-01'", pa.date32(), date(1900, 1, 1)),
    "DateTime('Europe/Paris')": ("'2026-11-20 10:00:00'", UTC_TIME, datetime(2026, 11, 20, 9, tzinfo=UTC)),
    "DateTime64(9, 'Asia/Tokyo')": ("'2026-11-20 10:00:00.123456789'", UTC_TIME, datetime(2026, 11, 20, 1, 0, 0, 123456, UTC)),
    "Time": ("'10:00:00'", pa.time64("us"), clock(10)),
    "Array(LowCardinality(String))": ("['a', 'b']", pa.list_(pa.string()), ["a", "b"]),
    "Map(String, UUID)": ("map('k', '123e4567-e89b-12d3-a456-426655440000')", pa.map_(pa.string(), pa.string()), [("k", "123e4567-e89b-12d3-a456-426655440000")]),
    "Tuple(a Int8, b Enum8('x' = 1))": ("(1, 'x')", pa.struct([("a", pa.int8()), ("b", pa.string())]), {"a": 1, "b": "x"}),
    "JSON": ("'{\"a\": 1}'", pa.string(), '{"a":1}'),
    "SimpleAggregateFunction(max, UInt8)": ("7", pa.uint8(), 7),
    "Variant(Int8, String)": ("'x'", pa.binary(), None),
}  # fmt: skip
NOT_NULLABLE = ("Array", "Map", "Tuple", "JSON", "Variant", "LowCardinality", "Simple")


def test_each_type_of_a_column_is_read_exactly(made: Shop) -> None:
    database = made.url.rpartition("/")[2]
    kinds = {name: name if name.startswith(NOT_NULLABLE) else f"Nullable({name})" for name in TYPES}
    columns = (f"CAST({TYPES[name][0]} AS {kind}) AS c{number}" for number, (name, kind) in enumerate(kinds.items()))
    made.server.ask(f"CREATE TABLE {database}.t ENGINE = MergeTree ORDER BY tuple() AS SELECT {', '.join(columns)}")
    table = made.read("SELECT * FROM t")
    assert dict(zip(TYPES, table.schema.types, strict=True)) == {name: kind for name, (_, kind, _) in TYPES.items()}
    assert list(table.to_pylist()[0].values()) == [value for _, _, value in TYPES.values()]
    assert made.source.describe("SELECT * FROM t").equals(table.schema)
    nullable = ", ".join(f"CAST(NULL AS {kind})" for kind in kinds.values() if kind.startswith("Nullable"))
    assert set(made.read(f"SELECT {nullable}").to_pylist()[0].values()) == {None}


PLACES = {
    "SELECT\n  1 AS one,\n   amount FROM numbers(1)": ((3, 4), 'identifier "amount" (UNKNOWN_IDENTIFIER)'),
    "SELECT\n 1 FROM nowhere AS x": ((2, 9), "nowhere"),
    "SELECT 1\nFROM numbers(1) WERE x = 'jo@example.com'": ((2, 22), 'Syntax error near "x" (SYNTAX_ERROR)'),
    "SELECT nothing_such(1)": ((1, 8), "nothing_such"),
}


@pytest.mark.parametrize("sql", PLACES)
def test_an_error_has_its_place_and_names_what_is_missing(made: Shop, sql: str) -> None:
    place, words = PLACES[sql]
    for run in (made.source.describe, made.read):
        with pytest.raises(SourceError) as caught:
            run(sql)
        assert words in caught.value.message
        assert "jo@" not in caught.value.message
        assert caught.value.place == place


@pytest.mark.parametrize("old", [False, True], ids=["newer", "older"])
def test_an_error_behind_the_first_rows_is_told_as_any(clickhouse: ClickHouse, made: Shop, old: bool) -> None:
    if old:
        clickhouse.ask("SET old_errors")
    try:
        with pytest.raises(
            SourceError, match=r"^The query failed: out of paper \(FUNCTION_THROW_IF_VALUE_IS_NON_ZERO\)$"
        ):
            made.read("SELECT throwIf(number = 1999999, 'out of paper') AS n FROM numbers(2000000)")
    finally:
        clickhouse.ask("SET new_errors")
    assert made.read("SELECT 1 AS n").num_rows == 1


def test_a_response_that_breaks_off_is_no_result(clickhouse: ClickHouse, made: Shop) -> None:
    clickhouse.ask("SET broken")
    try:
        with pytest.raises(SourceError, match="The query failed: "):
            made.read("SELECT number FROM numbers(2000000)")
    finally:
        clickhouse.ask("SET new_errors")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS n FORMAT CSV",
        "SELECT 1 AS n SETTINGS readonly = 0",
        "SELECT * FROM executable('x', 'TSV', 'a Int8')",
    ],
)
def test_what_would_leave_the_session_is_refused(made: Shop, sql: str) -> None:
    with pytest.raises(SourceError):
        made.read(sql)


def test_settings_of_the_server_are_options(clickhouse: ClickHouse, tmp_path: Path) -> None:
    slow = "SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1"
    url = f"{clickhouse.new_database()}?max_execution_time=1"
    with (
        opened(url, tmp_path) as source,
        pytest.raises(SourceError, match="TIMEOUT_EXCEEDED"),
        source.execute(slow) as result,
    ):
        list(result.batches())


def test_a_query_that_is_left_ends_on_the_server(clickhouse: ClickHouse, made: Shop) -> None:
    with made.source.execute("SELECT number AS left_alone FROM numbers(1000000000000)") as result:
        assert result.query_id
        next(result.batches())
    until = time.monotonic() + 10
    while clickhouse.ask("SELECT count() FROM system.processes WHERE query LIKE '%left_alone%'") != "1":
        assert time.monotonic() < until
        time.sleep(0.05)


WRONG: dict[str, tuple[str, dict[str, Any], type[Exception], str]] = {
    "password": ("clickhouse://reader@127.0.0.1:{port}/default", {"password": "Xq-secret"}, SourceError, "AUTHENTICATION_FAILED"),
    "database": ("clickhouse://default@127.0.0.1:{port}/elsewhere", {}, SourceError, "Database elsewhere does not exist"),
    "port": ("clickhouse://default@127.0.0.1:1/x", {}, SourceError, "could not be opened: [Errno 111] Connection refused"),
    "native port": ("clickhouse://default@127.0.0.1:9000/x", {}, ConfigurationError, "at port 8443, or 8123"),
    "no port": ("clickhouse://default@127.0.0.1/x", {}, SourceError, "could not be opened: "),
    "setting": ("clickhouse://default@127.0.0.1:{port}/default?sloth=1", {}, SourceError, "sloth"),
    "TLS": ("clickhouse://default@127.0.0.1:{port}/default?secure=true", {}, SourceError, "SSL"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_warehouse_that_cannot_be_opened_is_told_in_one_sentence(
    clickhouse: ClickHouse, tmp_path: Path, name: str
) -> None:
    url, more, kind, words = WRONG[name]
    with pytest.raises(kind) as caught, opened(url.format(port=clickhouse.port), tmp_path, **more) as source:
        source.describe("SELECT 1")
    assert words in str(caught.value)
    assert "Xq-secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_login_with_a_password_is_let_in(clickhouse: ClickHouse, tmp_path: Path) -> None:
    url = f"clickhouse://reader@127.0.0.1:{clickhouse.port}/default"
    with opened(url, tmp_path, password="so-secret") as source:
        assert source.describe("SELECT 1 AS n").names == ["n"]


def test_a_login_that_may_change_no_setting_reads_too(clickhouse: ClickHouse, tmp_path: Path) -> None:
    with opened(f"clickhouse://watcher@127.0.0.1:{clickhouse.port}/default", tmp_path) as source:
        with source.execute("SELECT 'Zoë' AS name FROM numbers(3)") as result:
            assert pa.Table.from_batches(result.batches(), result.schema)["name"].to_pylist() == ["Zoë"] * 3
        with pytest.raises(SourceError), source.execute("SELECT 1 SETTINGS max_threads = 1"):
            pass
