"""Redshift's way of reading, on PostgreSQL: the protocol is the same, and so are most types."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest

from connector.errors import ConfigurationError, SourceError
from connector.sources.registry import open_source
from tests.postgres import Postgres
from tests.sources.warehouses import opened, warehouse

pytestmark = pytest.mark.warehouses


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.new_database().replace("postgresql://", "redshift://")


TYPES = {
    "small": ("CAST(-32768 AS SMALLINT)", pa.int16(), -32768),
    "int": ("CAST(2147483647 AS INTEGER)", pa.int32(), 2147483647),
    "real": ("CAST(1.5 AS REAL)", pa.float32(), 1.5),
    "double": ("CAST('NaN' AS DOUBLE PRECISION)", pa.float64(), None),
    "third": ("CAST(1 AS DOUBLE PRECISION) / 3", pa.float64(), 1 / 3),
    "decimal": ("CAST(1234567890123456789.0123456789 AS NUMERIC(38, 10))", pa.decimal128(38, 10), Decimal("1234567890123456789.0123456789")),
    "any": ("CAST('1e-40' AS NUMERIC)", pa.string(), "0." + "0" * 39 + "1"),
    "flag": ("FALSE", pa.bool_(), False),
    "char": ("CAST('ab' AS CHAR(4))", pa.string(), "ab  "),
    "day": ("CAST('0001-01-01' AS DATE)", pa.date32(), date(1, 1, 1)),
    "plain": ("CAST('2026-11-20 10:00:00.123456' AS TIMESTAMP)", pa.timestamp("us"), datetime(2026, 11, 20, 10, 0, 0, 123456)),  # noqa: DTZ001
    "zoned": ("CAST('2026-11-20 10:00:00+02' AS TIMESTAMPTZ)", pa.timestamp("us", "UTC"), datetime(2026, 11, 20, 8, tzinfo=UTC)),
    "time": ("CAST('23:59:59.999999' AS TIME)", pa.time64("us"), time(23, 59, 59, 999999)),
    "json": ("CAST('\"jo@example.com\"' AS JSON)", pa.string(), "jo@example.com"),
    "interval": ("CAST('1 day' AS INTERVAL)", pa.string(), "1 day"),
}  # fmt: skip


def test_each_type_is_read_as_the_page_on_types_says(url: str) -> None:
    columns = ", ".join(f'{sql} AS "{name}"' for name, (sql, _, _) in TYPES.items())
    with opened(url, Path()) as source, source.execute(f"SELECT {columns}") as result:
        (batch,) = result.batches()
    for name, (_, kind, value) in TYPES.items():
        assert batch.schema.field(name).type == kind, name
        assert value is None or batch[name][0].as_py() == value, name


def test_a_value_that_arrow_does_not_have_is_told_with_its_column(url: str) -> None:
    with opened(url, Path()) as source, source.execute("SELECT CAST('infinity' AS DATE) AS born") as result:
        with pytest.raises(SourceError, match='The column "born" holds a value that cannot be read as date32'):
            list(result.batches())


def test_a_transaction_may_only_read_and_the_run_is_the_name_of_the_application(url: str) -> None:
    asked = "SELECT current_setting('transaction_read_only') AS r, current_setting('application_name') AS a, current_setting('TimeZone') AS z"
    with open_source(warehouse(url), Path(), "connector:stores:1") as source, source.execute(asked) as result:
        (batch,) = result.batches()
    assert batch.to_pylist() == [{"r": "on", "a": "connector:stores:1", "z": "UTC"}]


def test_what_writes_is_refused_by_the_session_too(url: str) -> None:
    """By a function, whose words say nothing."""
    with psycopg.connect(url.replace("redshift://", "postgresql://")) as own:
        own.execute(
            "CREATE TABLE t (n INTEGER); CREATE FUNCTION act() RETURNS INTEGER LANGUAGE sql AS 'INSERT INTO t VALUES (1) RETURNING n'"
        )
    with opened(url, Path()) as source, source.execute("SELECT act() AS n") as result:
        with pytest.raises(SourceError, match="read-only transaction .*25006"):
            list(result.batches())


def test_a_login_that_fails_is_told_without_its_secret() -> None:
    with pytest.raises(SourceError, match="could not be opened: .*Connection refused") as caught:
        with opened("redshift://jo@127.0.0.1:1/shop", Path(), password="so-secret"):
            pass
    assert "so-secret" not in caught.value.message
    with pytest.raises(ConfigurationError, match="cannot be read"), opened("redshift://jo:p@ss@host:x/y", Path()):
        pass
