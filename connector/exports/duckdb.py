"""Tables in a DuckDB file."""

from pathlib import Path

from connector.embedded import connect
from connector.exports.sink import Parts
from connector.exports.tables import TABLES


class DuckDBTables:
    """The tables in a schema of a DuckDB file, which are made, or given new columns, where need be."""

    def __init__(self, file: Path, schema: str) -> None:
        self._schema = _quoted(schema)
        self._connection = connect(str(file), config={"threads": 2})
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")
        for name, columns in TABLES.items():
            self._make(name, columns.empty_table())

    def take(self, parts: Parts) -> dict[str, int]:
        """See `Sink.take`."""
        found: dict[str, int] = {}
        self._connection.begin()
        for name, part in parts.items():
            table, found[name] = f"{self._schema}.{name}", 0
            self._connection.execute(
                f"DELETE FROM {table} WHERE sync_run_id IN (SELECT unnest(?))", [list(part.run_ids)]
            )
            for batch in part.batches:
                self._connection.register("batch", batch)
                self._connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM batch")
                found[name] += batch.num_rows
        self._connection.commit()
        return found

    def finish(self) -> None:
        """See `Sink.finish`."""

    def close(self) -> None:
        """See `Sink.close`."""
        self._connection.close()

    def _make(self, name: str, empty: object) -> None:
        table = f"{self._schema}.{name}"
        self._connection.register("empty", empty)
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS {table} AS SELECT * FROM empty")
        for column, kind, *_ in self._connection.execute("DESCRIBE empty").fetchall():
            self._connection.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {_quoted(column)} {kind}")
        self._connection.unregister("empty")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
