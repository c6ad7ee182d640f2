"""A sink for any database that SQLAlchemy supports."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa
from sqlalchemy import (
    URL,
    BigInteger,
    Column,
    Connection,
    Date,
    DateTime,
    Double,
    MetaData,
    Numeric,
    String,
    Table,
    create_engine,
    delete,
    insert,
    inspect,
    text,
)
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateColumn, CreateSchema
from sqlalchemy.types import TypeEngine

from connector.reporting.export.sink import TableBatches
from connector.reporting.export.table_schemas import TABLES

_ROWS_PER_INSERT = 2_000


class DatabaseSink:
    """Writes the tables to a schema of a database; creates missing tables and columns."""

    def __init__(self, url: URL, options: Mapping[str, Any], schema: str) -> None:
        self._engine = create_engine(url, poolclass=NullPool, connect_args=dict(options))
        self._exact = self._engine.dialect.name != "sqlite"
        metadata = MetaData(schema=schema)
        self._tables = {name: Table(name, metadata, *map(_column, columns)) for name, columns in TABLES.items()}
        with self._engine.begin() as connection:
            if schema not in inspect(connection).get_schema_names():
                connection.execute(CreateSchema(schema))
            metadata.create_all(connection)
            for table in self._tables.values():
                _add_missing_columns(connection, table)

    def write(self, parts: TableBatches) -> dict[str, int]:
        """See `Sink.write`."""
        row_counts: dict[str, int] = {}
        with self._engine.begin() as connection:
            for name, part in parts.items():
                table, row_counts[name] = self._tables[name], 0
                connection.execute(delete(table).where(table.c.sync_run_id.in_(part.run_ids)))
                for batch in part.batches:
                    for start in range(0, batch.num_rows, _ROWS_PER_INSERT):
                        connection.execute(insert(table), self._rows(batch.slice(start, _ROWS_PER_INSERT)))
                    row_counts[name] += batch.num_rows
        return row_counts

    def finish(self) -> None:
        """See `Sink.finish`."""

    def close(self) -> None:
        """See `Sink.close`."""
        self._engine.dispose()

    def _rows(self, batch: pa.RecordBatch) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = batch.to_pylist()
        if not self._exact:
            # SQLite has no exact numbers but text.
            for row in rows:
                row |= {name: str(value) for name, value in row.items() if isinstance(value, Decimal)}
        return rows


def _column(field: pa.Field) -> Column[Any]:
    is_key = field.name == "sync_run_id"
    return Column(field.name, _type(field.type), nullable=not is_key, index=is_key)


def _type(kind: pa.DataType) -> TypeEngine[Any]:
    if pa.types.is_decimal(kind):
        return Numeric(kind.precision, kind.scale).with_variant(String(), "sqlite")
    if pa.types.is_timestamp(kind):
        return DateTime(timezone=True)
    if pa.types.is_date(kind):
        return Date()
    if pa.types.is_floating(kind):
        return Double()
    return BigInteger() if pa.types.is_integer(kind) else String()


def _add_missing_columns(connection: Connection, table: Table) -> None:
    existing = {column["name"] for column in inspect(connection).get_columns(table.name, schema=table.schema)}
    name = connection.dialect.identifier_preparer.format_table(table)
    for column in table.columns:
        if column.name not in existing:
            definition = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(text(f"ALTER TABLE {name} ADD COLUMN {definition}"))
