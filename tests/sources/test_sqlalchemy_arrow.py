"""Results that drivers give as Arrow. No server of Oracle or SQL Server is to be had: what they answer is made by hand."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy.exc import SQLAlchemyError

from connector.errors import SourceError
from connector.sources import sqlalchemy
from connector.sources.sqlalchemy_arrow import read_cursor, read_statement
from tests.sources.warehouses import opened

MOMENT = datetime(2026, 11, 20, 10, 0, 0, 123456)  # noqa: DTZ001
TABLE = pa.table(
    {
        "name": pa.array(["Zoë", None], pa.large_string()),
        "price": pa.array([Decimal("12.30"), None], pa.decimal128(10, 2)),
        "at": pa.array([1_763_632_800_123_456_789, None], pa.timestamp("ns")),
        "zoned": pa.array([MOMENT, None], pa.timestamp("us", "+02:00")),
        "bytes": pa.array([b"\x00\xff", None], pa.large_binary()),
        "nothing": pa.nulls(2),
    }
)
TYPES = [pa.string(), pa.decimal128(10, 2), pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.binary(), pa.string()]


class ServerCursor:
    """A cursor of mssql-python."""

    def arrow_reader(self, batch_size: int) -> pa.RecordBatchReader:
        return TABLE.to_reader(batch_size)


def column(name: str, precision: int | None = None, scale: int | None = None) -> tuple[Any, ...]:
    return ("c", SimpleNamespace(name=f"DB_TYPE_{name}"), None, None, precision, scale, True)


class OracleConnection:
    """A connection of python-oracledb."""

    def __init__(self, *columns: tuple[Any, ...], batches: int = 1) -> None:
        self.description, self.batches = columns, batches
        self.asked: list[dict[str, Any]] = []

    def cursor(self) -> AbstractContextManager[Any]:
        return nullcontext(SimpleNamespace(parse=lambda sql: None, description=self.description))

    def fetch_df_batches(self, statement: str, **options: Any) -> Iterator[pa.Table]:
        self.asked.append(options)
        yield from [TABLE] * self.batches


def test_a_cursor_with_arrow_is_read_in_the_types_of_other_sources() -> None:
    reader = read_cursor(ServerCursor())
    assert reader is not None
    (batch,) = reader.batches
    assert batch.schema.types == reader.schema.types == TYPES
    assert batch["at"][0].as_py() == datetime(2025, 11, 20, 10, 0, 0, 123456)  # noqa: DTZ001
    assert batch["zoned"][0].as_py() == MOMENT.replace(tzinfo=UTC)
    assert batch["nothing"].to_pylist() == [None, None]


def test_other_drivers_are_read_row_by_row() -> None:
    assert read_cursor(SimpleNamespace()) is None
    assert read_statement(SimpleNamespace(), "SELECT 1") is None


def test_oracle_is_read_as_arrow_with_decimals_and_batch_by_batch() -> None:
    connection = OracleConnection(column("VARCHAR"), column("NUMBER", 10, 2), column("DATE"), batches=3)
    reader = read_statement(connection, "SELECT c FROM t")
    assert reader is not None
    assert reader.schema.types == TYPES
    assert [batch.num_rows for batch in reader.batches] == [2, 2, 2]
    assert connection.asked == [{"size": 65_536, "fetch_decimals": True}]


INEXACT = {
    "NUMBER without digits": column("NUMBER", 0, -127),
    "NUMBER of a sum": column("NUMBER", None, None),
    "FLOAT": column("NUMBER", 126, -127),
    "NUMBER with a negative scale": column("NUMBER", 5, -2),
    "moment": column("TIMESTAMP_TZ"),
    "JSON": column("JSON"),
    "interval": column("INTERVAL_DS"),
}


@pytest.mark.parametrize("what", INEXACT)
def test_a_column_of_oracle_that_would_lose_something_is_read_row_by_row(what: str) -> None:
    connection = OracleConnection(column("VARCHAR"), INEXACT[what])
    assert read_statement(connection, "SELECT c FROM t") is None
    assert connection.asked == []


def test_a_result_as_arrow_comes_through_the_source_and_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite stands for the connection: only its cursor is another."""
    closed = []

    class Reader:
        schema = TABLE.schema

        def __iter__(self) -> Iterator[pa.RecordBatch]:
            yield from TABLE.to_batches()
            raise pa.ArrowInvalid("the value 'jo@example.com' cannot be read")

        def close(self) -> None:
            closed.append(True)

    monkeypatch.setattr(
        sqlalchemy, "read_cursor", lambda _: read_cursor(SimpleNamespace(arrow_reader=lambda _: Reader()))
    )
    with opened("sqlite:///:memory:", tmp_path) as source, source.execute("SELECT 1 AS n") as result:
        batches = result.batches()
        assert next(batches).num_rows == 2
        with pytest.raises(SourceError, match="The query failed: ") as caught:
            next(batches)
    assert "jo@" not in caught.value.message
    assert closed == [True]


def test_a_driver_of_sql_server_that_lacks_libraries_is_told_with_them() -> None:
    with pytest.raises(SourceError, match="apt-get install libltdl7"):
        with sqlalchemy._translate_errors("The warehouse could not be opened", ()):
            raise SQLAlchemyError("DDBC Error: Failed to load the driver. Please read the documentation")


def test_oracle_that_cannot_be_reached_is_told_without_the_password(tmp_path: Path) -> None:
    """By its own driver."""
    pytest.importorskip("oracledb")
    with pytest.raises(SourceError, match="could not be opened: DPY-6005: .*Connection refused") as caught:
        with opened("oracle://jo@127.0.0.1:1/?service_name=shop", tmp_path, password="so-secret"):
            pass
    assert "so-secret" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("oracle://jo@nohost.invalid/?service_name=shop", "Errno"),
        ("oracle://jo@127.0.0.1:1/?service_name=shop&colour=blue", "colour"),
        ("mssql://jo@127.0.0.1:1/shop?Colour=blue", "colour"),
    ],
)
def test_what_a_driver_raises_beside_errors_of_its_own_is_told_as_one_of_the_warehouse(
    tmp_path: Path, url: str, words: str
) -> None:
    pytest.importorskip("oracledb" if url.startswith("oracle") else "mssql_python")
    with pytest.raises(SourceError, match=rf'^The warehouse ".+" could not be opened: .*(?i:{words})') as caught:
        with opened(url, tmp_path, password="so-secret"):
            pass
    assert "so-secret" not in caught.value.message
    assert "\n" not in caught.value.message
