"""A sink for a DuckDB file."""

from pathlib import Path

from connector.core.duckdb_connection import connect
from connector.reporting.export.sink import TableBatches
from connector.reporting.export.table_schemas import TABLES


class DuckDBSink:
    """Writes the tables to a schema of a DuckDB file; creates missing tables and columns."""

    def __init__(self, file: Path, schema: str) -> None:
        self._schema = _quoted(schema)
        self._connection = connect(str(file), config={"threads": 2})
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")
        for name, columns in TABLES.items():
            self._create_table(name, columns.empty_table())

    def write(self, parts: TableBatches) -> dict[str, int]:
        """See `Sink.write`."""
        row_counts: dict[str, int] = {}
        self._connection.begin()
        for name, part in parts.items():
            table, row_counts[name] = f"{self._schema}.{name}", 0
            self._connection.execute(
                f"DELETE FROM {table} WHERE sync_run_id IN (SELECT unnest(?))", [list(part.run_ids)]
            )
            for batch in part.batches:
                self._connection.register("batch", batch)
                self._connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM batch")
                row_counts[name] += batch.num_rows
        self._connection.commit()
        return row_counts

    def finish(self) -> None:
        """See `Sink.finish`."""

    def close(self) -> None:
        """See `Sink.close`."""
        self._connection.close()

    def _create_table(self, name: str, empty: object) -> None:
        table = f"{self._schema}.{name}"
        self._connection.register("empty", empty)
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS {table} AS SELECT * FROM empty")
        for column, kind, *_ in self._connection.execute("DESCRIBE empty").fetchall():
            self._connection.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {_quoted(column)} {kind}")
        self._connection.unregister("empty")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
