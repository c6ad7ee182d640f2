"""Sinks of files: one of Parquet for each table, or a DuckDB file."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq

from connector.core.disk import unfinished_file
from connector.core.duckdb_connection import connect
from connector.reporting.export.sink import TableBatches
from connector.reporting.export.table_schemas import TABLES


class ParquetSink:
    """Writes a file for each table. Raises OSError if the disk fails."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = dict(files)
        self._unfinished: dict[str, Path] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}
        try:
            for name, path in files.items():
                self._unfinished[name] = unfinished_file(path)
                self._writers[name] = pq.ParquetWriter(self._unfinished[name], TABLES[name], compression="zstd")
        except OSError:
            self.close()
            raise

    def write(self, parts: TableBatches) -> dict[str, int]:
        """See `Sink.write`."""
        row_counts = dict.fromkeys(self._files, 0)
        for name, writer in self._writers.items():
            for batch in parts[name].batches:
                writer.write_batch(batch)
                row_counts[name] += batch.num_rows
        return row_counts

    def finish(self) -> None:
        """See `Sink.finish`."""
        for writer in self._writers.values():
            writer.close()
        for name, path in self._unfinished.items():
            path.replace(self._files[name])

    def close(self) -> None:
        """See `Sink.close`."""
        for name, path in self._unfinished.items():
            with suppress(OSError):
                if name in self._writers:
                    self._writers[name].close()
            path.unlink(missing_ok=True)


def table_files(folder: Path) -> dict[str, Path]:
    """Return the file of every table in a folder."""
    return {name: folder / f"{name}.parquet" for name in TABLES}


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
