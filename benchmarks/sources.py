"""How many rows a second each source gives, read to Arrow batches and no further.

All hold as many rows of the same columns. Those in SOURCES are measured, each in turn with the embedded DuckDB; a new
source needs a line there.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from adbc_driver_postgresql import dbapi

from benchmarks.data import TABLE
from benchmarks.timing import Timing, median, timed
from connector.config.file_format import FileFormat
from connector.config.warehouse import Warehouse
from connector.files.file_source import open_files
from connector.files.scan_report import FileInput
from connector.sources.registry import open_source
from tests.clickhouse.server import CACHE as CLICKHOUSE
from tests.clickhouse.server import clickhouse
from tests.mariadb import SERVER as MARIADB
from tests.mariadb import mariadb
from tests.postgres import postgres
from tests.snowflake.account import snowflake_account
from tests.sources.cloud import bigquery_options, trino_url
from tests.standins.process import StandIn, stand_in

MOST_ROWS = 1_000_000
FEWER_ROWS = 50_000
"""Rows of stand-ins, which take longer to make them than the connector to read them."""
QUERY = f"SELECT * FROM {TABLE}"
EMBEDDED = "DuckDB"

Say = Callable[[str], None]
Read = Callable[[], int]
"""Reads all rows and returns how many there were."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that every source holds, or as many like them."""

    table: pa.Table
    file: Path
    """The DuckDB file that has them."""
    folder: Path
    """A folder that is deleted afterwards."""
    stack: ExitStack
    """Ends what was started for a source."""

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.table.num_rows)


@dataclass(frozen=True, slots=True)
class MeasuredSource:
    """A source that can be measured on this machine."""

    name: str
    fill: Callable[[Rows], Read]
    """Brings the rows there."""
    is_here: Callable[[], bool] = lambda: True
    """Whether its server is installed."""


@dataclass(frozen=True, slots=True)
class SourceResult:
    """How long reading so many rows took, beside DuckDB; medians."""

    name: str
    rows: int
    timing: Timing
    beside: float
    """Rows a second of the embedded DuckDB."""
    ratio: float
    """How many times as many rows a second as DuckDB, which was read just before."""

    @property
    def rows_per_second(self) -> float:
        """Rows a second."""
        return self.rows / self.timing.seconds


def measure_sources(file: Path, repetitions: int, say: Say) -> list[SourceResult]:
    """Each source in turn with DuckDB; those whose server is not installed are left out."""
    query = f"{QUERY} LIMIT {MOST_ROWS}"
    with duckdb.connect(str(file), read_only=True) as connection:
        table = connection.sql(query).to_arrow_table()
    embedded = partial(_read, {"url": f"duckdb:///{file.absolute()}"}, query)
    results = []
    for source in SOURCES:
        if not source.is_here():
            say(f"{source.name}: not installed")
            continue
        with ExitStack() as stack:
            rows = Rows(table, file, Path(stack.enter_context(TemporaryDirectory())), stack)
            results.append(_measured(source.name, source.fill(rows), embedded, repetitions))
        say(f"{source.name}: {results[-1].rows_per_second:,.0f} rows a second, {results[-1].ratio:.3f} times DuckDB")
    return results


def _measured(name: str, read: Read, embedded: Read, repetitions: int) -> SourceResult:
    # What is loaded at the first reading is loaded.
    embedded()
    read()
    pairs = [(timed(embedded), timed(read)) for _ in range(repetitions)]
    speeds = [rows / timing.seconds for (timing, rows), _ in pairs]
    ratios = sorted(rows / timing.seconds / beside for beside, (_, (timing, rows)) in zip(speeds, pairs, strict=True))
    count, timing = pairs[0][1][1], median([timing for _, (timing, _) in pairs])
    return SourceResult(name, count, timing, sorted(speeds)[len(speeds) // 2], ratios[len(ratios) // 2])


def _read(settings: dict[str, Any], sql: str = QUERY) -> int:
    warehouse = Warehouse.model_validate({"name": "bench", **settings})
    with open_source(warehouse, Path()) as source, source.execute(sql) as result:
        return sum(batch.num_rows for batch in result.batches())


def _read_file(path: Path) -> int:
    with open_files(FileInput(str(path), FileFormat(), path.parent)) as source, source.execute("") as result:
        return sum(batch.num_rows for batch in result.batches())


def _duckdb(rows: Rows) -> Read:
    return partial(_read, {"url": f"duckdb:///{rows.file.absolute()}"}, f"{QUERY} LIMIT {MOST_ROWS}")


def _postgresql(rows: Rows) -> Read:
    url = rows.stack.enter_context(postgres()).new_database()
    with dbapi.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.adbc_ingest(TABLE, _as_numbers(rows.table))
    return partial(_read, {"url": url})


def _sqlite(rows: Rows) -> Read:
    plain, path = _as_numbers(rows.table), rows.folder / "bench.sqlite"
    columns = [column.cast(pa.string()) if pa.types.is_temporal(column.type) else column for column in plain.columns]
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(f"CREATE TABLE {TABLE} ({', '.join(plain.column_names)})")
        marks = ", ".join("?" * len(columns))
        for start in range(0, plain.num_rows, 50_000):
            some = [column.slice(start, 50_000).to_pylist() for column in columns]
            connection.executemany(f"INSERT INTO {TABLE} VALUES ({marks})", zip(*some, strict=True))
    connection.close()
    return partial(_read, {"url": f"sqlite:///{path}"})


def _as_numbers(rows: pa.Table) -> pa.Table:
    """Decimals as floating-point numbers: SQLite has no others, and ADBC writes no others."""
    fields = [field.with_type(pa.float64()) if pa.types.is_decimal(field.type) else field for field in rows.schema]
    return rows.cast(pa.schema(fields))


_LIKE = """
SELECT
    'S' || lpad(CAST({n} AS {text}), 9, '0') AS order_id, 'jo.' || CAST({n} AS {text}) || '@example.com' AS email,
    '+1206555' || CAST({n} AS {text}) AS phone, {at} AS ordered_at, {n} AS product,
    'Product ' || CAST({n} AS {text}) AS product_name, CAST(12.50 AS DECIMAL(10, 2)) AS price, 1 AS quantity,
    'USD' AS currency
FROM {rows}
"""
"""Rows of the same width, for servers that make their own."""
_AT = "CAST('2026-01-01 10:00:00' AS {})"


def _mysql(rows: Rows) -> Read:
    server = rows.stack.enter_context(mariadb())
    url = server.new_database()
    like = _LIKE.format(n="seq", text="CHAR", at=_AT.format("DATETIME"), rows=f"seq_1_to_{rows.count}")
    server.ask(url.rpartition("/")[2], "SET sql_mode = 'PIPES_AS_CONCAT'", f"CREATE TABLE {TABLE} AS {like}")
    return partial(_read, {"url": url})


def _clickhouse(rows: Rows) -> Read:
    server = rows.stack.enter_context(clickhouse())
    url = server.new_database()
    like = _LIKE.format(n="number", text="String", at=_AT.format("DateTime"), rows=f"numbers({rows.count})")
    server.ask(f"CREATE TABLE {url.rpartition('/')[2]}.{TABLE} ENGINE = MergeTree ORDER BY tuple() AS {like}")
    return partial(_read, {"url": url})


def _snowflake(rows: Rows) -> Read:
    """The stand-in makes the rows while they are read."""
    account = rows.stack.enter_context(snowflake_account())
    generated = f"TABLE(GENERATOR(ROWCOUNT => {min(FEWER_ROWS, rows.count)}))"
    like = _LIKE.format(n="seq4()", text="VARCHAR", at=_AT.format("TIMESTAMP_NTZ"), rows=generated)
    return partial(_read, account.settings, like)


def _in_stand_in(server: StandIn, rows: Rows) -> None:
    like = _LIKE.format(
        n="range", text="VARCHAR", at=_AT.format("TIMESTAMP"), rows=f"range({min(FEWER_ROWS, rows.count)})"
    )
    server.sql(f"CREATE TABLE {TABLE} AS {like}")


def _bigquery(rows: Rows) -> Read:
    server = rows.stack.enter_context(stand_in("tests.standins.bigquery"))
    _in_stand_in(server, rows)
    return partial(_read, {"url": "bigquery://shop/main?location=EU", "options": bigquery_options(server)})


def _trino(rows: Rows) -> Read:
    server = rows.stack.enter_context(stand_in("tests.standins.trino"))
    _in_stand_in(server, rows)
    return partial(_read, {"url": trino_url(server)})


def _delimited(rows: Rows) -> Read:
    path = rows.folder / "bench.psv"
    with duckdb.connect(str(rows.file), read_only=True) as connection:
        connection.execute(f"COPY ({QUERY} LIMIT {MOST_ROWS}) TO '{path}' (DELIMITER '|', HEADER)")
    return partial(_read_file, path)


def _parquet(rows: Rows) -> Read:
    path = rows.folder / "bench.parquet"
    pq.write_table(rows.table, path)
    return partial(_read_file, path)


def _delta(rows: Rows) -> Read:
    from deltalake import write_deltalake

    path = rows.folder / "bench"
    write_deltalake(path, rows.table)
    return partial(_read_file, path)


def _iceberg(rows: Rows) -> Read:
    from tests.files.tables import iceberg

    path = rows.folder / "bench"
    iceberg(path, rows.table.schema).append(rows.table)
    return partial(_read_file, path)


SOURCES: Sequence[MeasuredSource] = (
    MeasuredSource(EMBEDDED, _duckdb),
    MeasuredSource("a pipe-delimited file", _delimited),
    MeasuredSource("a Parquet file", _parquet),
    MeasuredSource("a Delta table", _delta),
    MeasuredSource("an Iceberg table", _iceberg),
    MeasuredSource("PostgreSQL", _postgresql),
    MeasuredSource("MariaDB", _mysql, lambda: MARIADB is not None),
    MeasuredSource("ClickHouse", _clickhouse, CLICKHOUSE.exists),
    MeasuredSource("SQLite", _sqlite),
    MeasuredSource("Snowflake's driver, stand-in", _snowflake),
    MeasuredSource("BigQuery's clients, stand-in", _bigquery),
    MeasuredSource("Trino's client, stand-in", _trino),
)
