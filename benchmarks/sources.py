"""How many rows a second each kind of warehouse, and a file, gives, read to Arrow batches and no further.

DuckDB, PostgreSQL, SQLite and the file hold the same rows, on this machine. Snowflake's driver reads from the tests'
stand-in, which makes rows of the same width meanwhile, so what it gives is a lower bound.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
from adbc_driver_postgresql import dbapi

from benchmarks.data import TABLE
from benchmarks.timing import Timing, median, timed
from connector.config.file_format import FileFormat
from connector.config.warehouse import Warehouse
from connector.files.file_source import open_files
from connector.files.scan_report import FileInput
from connector.sources.registry import open_source
from tests.postgres import postgres
from tests.snowflake.account import snowflake_account

MOST_ROWS = 1_000_000
SNOWFLAKE_ROWS = 200_000
QUERY = f"SELECT * FROM {TABLE}"

_GENERATED = """
SELECT
    'S00' || seq4() AS order_id, 'jo.' || seq4() || '@example.com' AS email, '+1206555' || seq4() AS phone,
    CAST('2026-01-01 10:00:00' AS TIMESTAMP_NTZ) AS ordered_at, seq4() AS product, 'Product ' || seq4() AS product_name,
    CAST(12.50 AS NUMBER(10, 2)) AS price, 1 AS quantity, 'USD' AS currency
FROM TABLE(GENERATOR(ROWCOUNT => {rows}))
"""


@dataclass(frozen=True, slots=True)
class SourceResult:
    """How long reading so many rows took, the median."""

    name: str
    rows: int
    timing: Timing

    @property
    def rows_per_second(self) -> float:
        """Rows a second."""
        return self.rows / self.timing.seconds


def measure_sources(file: Path, repetitions: int, say: Callable[[str], None]) -> list[SourceResult]:
    """The embedded DuckDB first, to which the others are compared."""
    results = []
    with warehouses(file) as kinds:
        for name, (settings, query) in kinds.items():
            warehouse = Warehouse.model_validate({"name": "bench", **settings})
            measured = [timed(partial(_read, warehouse, query)) for _ in range(repetitions)]
            results.append(SourceResult(name, measured[0][1], median([timing for timing, _ in measured])))
            say(f"{name}: {results[-1].rows_per_second:,.0f} rows a second")
    results.append(_measure_file(file, repetitions))
    say(f"{results[-1].name}: {results[-1].rows_per_second:,.0f} rows a second")
    return results


def _measure_file(warehouse: Path, repetitions: int) -> SourceResult:
    with TemporaryDirectory() as folder:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            target = f"'{folder}/bench.psv' (DELIMITER '|', HEADER)"
            connection.execute(f"COPY ({QUERY} LIMIT {MOST_ROWS}) TO {target}")
        wanted = FileInput(f"{folder}/bench.psv", FileFormat(), Path(folder))
        measured = [timed(partial(_read_file, wanted)) for _ in range(repetitions)]
    return SourceResult("a pipe-delimited file", measured[0][1], median([timing for timing, _ in measured]))


def _read_file(wanted: FileInput) -> int:
    with open_files(wanted) as source, source.execute("") as result:
        return sum(batch.num_rows for batch in result.batches())


def _read(warehouse: Warehouse, sql: str) -> int:
    with open_source(warehouse, Path()) as source, source.execute(sql) as result:
        return sum(batch.num_rows for batch in result.batches())


@contextmanager
def warehouses(file: Path) -> Iterator[dict[str, tuple[dict[str, Any], str]]]:
    """Settings and query of each kind of warehouse, filled."""
    query = f"{QUERY} LIMIT {MOST_ROWS}"
    with duckdb.connect(str(file), read_only=True) as connection:
        rows = connection.sql(query).to_arrow_table()
    with ExitStack() as stack:
        server, account = stack.enter_context(postgres()), stack.enter_context(snowflake_account())
        folder = Path(stack.enter_context(TemporaryDirectory()))
        generated = _GENERATED.format(rows=min(SNOWFLAKE_ROWS, rows.num_rows))
        yield {
            "DuckDB": ({"url": f"duckdb:///{file.absolute()}"}, query),
            "PostgreSQL": ({"url": _in_postgres(server.new_database(), rows)}, QUERY),
            "SQLite": ({"url": _in_sqlite(folder / "bench.sqlite", rows)}, QUERY),
            "Snowflake's driver": (account.settings, generated),
        }


def _in_postgres(url: str, rows: pa.Table) -> str:
    with dbapi.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.adbc_ingest(TABLE, _as_numbers(rows))
    return url


def _in_sqlite(path: Path, rows: pa.Table) -> str:
    plain = _as_numbers(rows)
    columns = [column.cast(pa.string()) if pa.types.is_temporal(column.type) else column for column in plain.columns]
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(f"CREATE TABLE {TABLE} ({', '.join(plain.column_names)})")
        marks = ", ".join("?" * len(columns))
        for start in range(0, plain.num_rows, 50_000):
            some = [column.slice(start, 50_000).to_pylist() for column in columns]
            connection.executemany(f"INSERT INTO {TABLE} VALUES ({marks})", zip(*some, strict=True))
    connection.close()
    return f"sqlite:///{path}"


def _as_numbers(rows: pa.Table) -> pa.Table:
    """Decimals as floating-point numbers: SQLite has no others, and ADBC writes no others."""
    fields = [field.with_type(pa.float64()) if pa.types.is_decimal(field.type) else field for field in rows.schema]
    return rows.cast(pa.schema(fields))
