"""Parquet files, one a table; all of them are there, whole, or as they were before."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq

from connector.disk import unfinished_file
from connector.exports.sink import Parts
from connector.exports.tables import TABLES


class ParquetFiles:
    """Writes `files`, by table; raises OSError where the disk fails."""

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

    def take(self, parts: Parts) -> dict[str, int]:
        """See `Sink.take`."""
        found = dict.fromkeys(self._files, 0)
        for name, writer in self._writers.items():
            for batch in parts[name].batches:
                writer.write_batch(batch)
                found[name] += batch.num_rows
        return found

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


def files_in(folder: Path) -> dict[str, Path]:
    """The file of every table in a folder."""
    return {name: folder / f"{name}.parquet" for name in TABLES}
