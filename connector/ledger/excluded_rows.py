"""The excluded rows of runs, in Parquet files beside the stage."""

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.core.disk import make_private_file, make_private_folder, sync
from connector.core.hashed_rows import EXCLUDED_ROW
from connector.errors import ConnectorError

if TYPE_CHECKING:
    import duckdb
    import pyarrow.parquet as pq

EXCLUDED_FOLDER = "left-out"
"""The folder in that of a run that holds them."""
_MAGIC, _END = b"PAR1", 8
_AT_ONCE, _FILES_AT_ONCE = 32 << 20, 2_000
"""The most bytes and files to read with one query."""

RowMask = Callable[[pa.Table], npt.NDArray[np.bool_]]
RowChange = Callable[[pa.Table], pa.Table]


@dataclass(frozen=True, slots=True)
class ExcludedRow:
    """A rejected row."""

    reason: str
    """The reason for the rejection."""
    row: int
    """The number of the row in the result, from 1."""
    code: int | None
    """The return code of the destination, if it refused the row."""
    message: str | None
    """The message of the destination."""
    columns: str | None
    """A JSON object of its columns."""


class ExcludedRowWriter:
    """Writes one file of excluded rows (schema EXCLUDED_ROW), which replaces any earlier one once it is closed."""

    def __init__(self, directory: Path, name: str) -> None:
        folder = directory / EXCLUDED_FOLDER
        make_private_folder(folder)
        self._path = folder / f"{name}.parquet"
        self._unfinished = folder / f".{name}.unfinished"
        self._writer: pq.ParquetWriter | None = None

    def add(self, rows: pa.Table) -> None:
        """Write rows."""
        if rows.num_rows:
            self._writer = self._writer or self._open()
            self._writer.write_table(rows)

    def close(self) -> None:
        """Fsync the file and move it to its path; without rows there is no file."""
        if self._writer:
            self._writer.close()
            self._writer = None
            sync(self._unfinished)
            self._unfinished.replace(self._path)
        sync(self._path.parent)

    def _open(self) -> "pq.ParquetWriter":
        import pyarrow.parquet as pq

        make_private_file(self._unfinished)
        return pq.ParquetWriter(self._unfinished, EXCLUDED_ROW, compression="zstd")

    def discard(self) -> None:
        """Delete what was written."""
        if self._writer:
            with suppress(OSError):
                self._writer.close()
            self._writer = None
            self._unfinished.unlink(missing_ok=True)


def read_excluded_rows(
    directory: Path, *, reason: str | None = None, outcome: str | None = None, limit: int | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the excluded rows (schema EXCLUDED_ROW) in the folder of a run, by row number.

    Raises ConnectorError if a file of them is damaged.
    """
    files = [str(path) for path in _files(directory)]
    if not files:
        return
    with _damaged(directory), _connect() as connection:
        for batch in _query(connection, files, reason, outcome, limit):
            yield batch.cast(EXCLUDED_ROW)


def excluded_rows_of_runs(directories: Mapping[str, Path], outcome: str) -> Iterator[tuple[pa.Array, pa.RecordBatch]]:
    """Yield run ids and excluded rows (schema EXCLUDED_ROW) with one outcome, by run and row number.

    `directories` are the folders of runs by run id, as `readable_folders` returns them.
    """
    files = [(run_id, path) for run_id, folder in directories.items() for path in _files(folder)]
    with _connect() as connection:
        for chunk in _of_limited_size(files):
            names = pa.table({"run_id": [run_id for run_id, _ in chunk], "filename": [str(path) for _, path in chunk]})
            for batch in _query_runs(connection, names, outcome):
                yield batch["run_id"], batch.drop_columns(["run_id"]).cast(EXCLUDED_ROW)


def readable_folders(directories: Mapping[str, Path]) -> dict[str, Path]:
    """Return the folders of runs in which no file of excluded rows is damaged. Read every value."""
    files = [(run_id, path) for run_id, folder in directories.items() for path in _files(folder)]
    damaged = {run_id for run_id, path in files if not _is_whole(path)}
    with _connect() as connection:
        for chunk in _of_limited_size([(run_id, path) for run_id, path in files if run_id not in damaged]):
            if not _can_read(connection, [path for _, path in chunk]):
                damaged.update(run_id for run_id, path in chunk if not _can_read(connection, [path]))
    return {run_id: folder for run_id, folder in directories.items() if run_id not in damaged}


def _connect() -> "duckdb.DuckDBPyConnection":
    from connector.core.duckdb_connection import connect

    return connect(config={"threads": 2, "memory_limit": "512MB"})


def _can_read(connection: "duckdb.DuckDBPyConnection", files: list[Path]) -> bool:
    import duckdb

    names = ", ".join(f'"{name}"' for name in EXCLUDED_ROW.names)
    sql = f"""
        SELECT {names}, "columns" IS NULL OR json_valid("columns") AS is_valid
        FROM read_parquet($files, union_by_name = true)
    """
    try:
        rows = connection.sql(sql, params={"files": [str(path) for path in files]}).to_arrow_reader(65_536)
        return all(_fits(batch) for batch in rows)
    except (duckdb.Error, pa.ArrowException):
        return False


def _fits(batch: pa.RecordBatch) -> bool:
    batch.drop_columns(["is_valid"]).cast(EXCLUDED_ROW)
    return bool(batch["is_valid"].false_count == 0)


def _of_limited_size(files: list[tuple[str, Path]]) -> Iterator[list[tuple[str, Path]]]:
    chunk: list[tuple[str, Path]] = []
    size = 0
    for run_id, path in sorted(files):
        if chunk and (size > _AT_ONCE or len(chunk) >= _FILES_AT_ONCE):
            yield chunk
            chunk, size = [], 0
        chunk.append((run_id, path))
        size += path.stat().st_size
    if chunk:
        yield chunk


def _query_runs(connection: "duckdb.DuckDBPyConnection", names: pa.Table, outcome: str) -> pa.RecordBatchReader:
    connection.register("names", names)
    columns = ", ".join(f'"{name}"' for name in EXCLUDED_ROW.names)
    sql = (
        f"SELECT run_id, {columns} FROM read_parquet($files, filename = true, union_by_name = true)"
        " JOIN names USING (filename) WHERE outcome = $outcome ORDER BY run_id, row"
    )
    params = {"files": names["filename"].to_pylist(), "outcome": outcome}
    return connection.sql(sql, params=params).to_arrow_reader(65_536)


def first_of_each_reason(directory: Path, count: int) -> Iterator[ExcludedRow]:
    """Yield the first `count` rejected rows of each reason, by reason and row. Skip damaged files."""
    import duckdb

    files = [str(path) for path in _files(directory) if _is_whole(path)]
    if not files:
        return
    sql = f"""
        WITH first AS (
            SELECT reason, arg_min(struct_pack("row", code, message, "columns"), "row", {count:d}) AS sample
            FROM read_parquet($files) WHERE outcome = 'rejected' GROUP BY reason
        )
        SELECT reason, excluded."row", excluded.code, excluded.message, excluded."columns"
        FROM (SELECT reason, unnest(sample) AS excluded FROM first) ORDER BY ALL
    """
    with suppress(duckdb.Error), _connect() as connection:
        for row in connection.execute(sql, {"files": files}).fetchall():
            yield ExcludedRow(*row)


def without_members(columns: pa.Array, names: Collection[str]) -> pa.Array:
    """Remove the members with these names from JSON objects."""
    from connector.core.duckdb_connection import connect_isolated

    patch = json.dumps(dict.fromkeys(names))
    with connect_isolated() as connection:
        connection.register("objects", pa.table({"object": columns}))
        sql = "SELECT json_merge_patch(object, $patch)::VARCHAR AS object FROM objects"
        return connection.sql(sql, params={"patch": patch}).to_arrow_table()["object"].combine_chunks()


def change_excluded_rows(directory: Path, select: RowMask, change: RowChange) -> int:
    """Rewrite the files of excluded rows that have selected rows, and return the number of these rows.

    Each file is replaced atomically. A damaged file is deleted, because it may have selected rows. Raises OSError if
    the disk fails.
    """
    selected = 0
    for path in _files(directory):
        try:
            selected += _change(directory, path, select, change) if _is_whole(path) else _remove(path)
        except (pa.ArrowException, OSError) as error:
            # An error of the disk has a number; an error of Arrow about the bytes has none.
            if getattr(error, "errno", None) is not None:
                raise
            _remove(path)
    return selected


def _change(directory: Path, path: Path, select: RowMask, change: RowChange) -> int:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        selected = sum(int(select(pa.Table.from_batches([batch])).sum()) for batch in file.iter_batches())
        if selected:
            writer = ExcludedRowWriter(directory, path.stem)
            for batch in file.iter_batches():
                writer.add(change(pa.Table.from_batches([batch]).cast(EXCLUDED_ROW)))
            writer.close()
    return selected


def _remove(path: Path) -> int:
    path.unlink()
    return 0


def _files(directory: Path) -> list[Path]:
    # `glob` is much slower, which adds up in an export of thousands of runs.
    folder = directory / EXCLUDED_FOLDER
    return sorted(path for path in folder.iterdir() if path.suffix == ".parquet") if folder.is_dir() else []


def _is_whole(path: Path) -> bool:
    """Return whether a Parquet file has its magic numbers at both ends, and is as long as its footer requires."""
    with suppress(OSError), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _END, 0))
        end = file.read()
        file.seek(0)
        footer_size = int.from_bytes(end[:4], "little")
        return file.read(4) == end[4:] == _MAGIC and 0 < footer_size <= size - _END - len(_MAGIC)
    return False


@contextmanager
def _damaged(directory: Path) -> Iterator[None]:
    """Raise ConnectorError if DuckDB cannot read the excluded rows of a run."""
    import duckdb

    try:
        yield
    except duckdb.Error:
        raise ConnectorError(
            f"The excluded rows cannot be read: a file in {directory / EXCLUDED_FOLDER} is damaged. Run "
            f"`connector runs show {directory.name}` for their number by reason."
        ) from None


def _query(
    connection: "duckdb.DuckDBPyConnection",
    files: list[str],
    reason: str | None,
    outcome: str | None,
    limit: int | None,
) -> pa.RecordBatchReader:
    names = ", ".join(f'"{name}"' for name in EXCLUDED_ROW.names)
    sql = (
        f"SELECT {names} FROM read_parquet($files) WHERE ($reason IS NULL OR reason = $reason)"
        " AND ($outcome IS NULL OR outcome = $outcome) ORDER BY row"
    )
    sql += f" LIMIT {limit:d}" if limit is not None else ""
    params = {"files": files, "reason": reason, "outcome": outcome}
    return connection.sql(sql, params=params).to_arrow_reader(65_536)
