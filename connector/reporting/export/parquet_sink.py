"""A sink for Parquet files, one a table; either all of them are replaced or none."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq

from connector.core.disk import unfinished_file
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
