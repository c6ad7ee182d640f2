"""A table as a source of rows: its snapshot is taken when it is opened, and read whatever is written meanwhile."""

from collections.abc import Sequence
from glob import escape
from typing import TYPE_CHECKING

from connector.config.file_format import FileFormat
from connector.errors import ConnectorError, FileRefused
from connector.files.file_address import ICEBERG_SUFFIX, check_table_driver, without_personal_partitions
from connector.files.file_errors import translate_errors
from connector.files.file_reader import FileReader
from connector.files.file_source import FileSource
from connector.files.file_store import FileInfo, FileStore
from connector.files.scan_report import FileInput, SizeLimits
from connector.files.tables.reader import TableReader
from connector.files.tables.snapshot import Snapshot

if TYPE_CHECKING:
    from connector.core.split_plan import SplitPlace


def open_table(store: FileStore, file_input: FileInput, place: "SplitPlace | None") -> "TableSource | None":
    """Open the table at an address, for a split the snapshot that was divided; None if it is no table.

    Raises ConfigurationError if the driver is not installed, FileRefused, SourceError.
    """
    kind = _kind(store, file_input)
    if kind is None:
        return None
    check_table_driver(kind)
    return TableSource(store, file_input, kind, place["files"][0]["version"] if place else None)


def _kind(store: FileStore, file_input: FileInput) -> str | None:
    """Return the format of the table at an address, which its folder shows."""
    if file_input.format.is_table:
        return file_input.format.name
    if file_input.pattern.endswith(ICEBERG_SUFFIX):
        kind = "iceberg"
    else:
        root = _root(file_input)
        with translate_errors(file_input.display_name):
            is_iceberg = store.find(f"{escape(root)}/metadata/*{ICEBERG_SUFFIX}")
            kind = "delta" if store.find(f"{root}/_delta_log") else "iceberg" if is_iceberg else ""
    if kind and file_input.format != FileFormat():
        raise FileRefused(f"{file_input.display_name} is a table: set `format` to {kind}, or leave it out.")
    return kind or None


def _root(file_input: FileInput) -> str:
    return file_input.pattern.rstrip("/")


class TableSource(FileSource):
    """A snapshot of a table as a source; see `FileSource`, of which it is the one file."""

    def __init__(self, store: FileStore, file_input: FileInput, kind: str, stamp: str | None = None) -> None:
        self._kind = kind
        self._name = without_personal_partitions(file_input.display_name)
        self._snapshot = self._open_snapshot(store, file_input, stamp)
        super().__init__(store, file_input, SizeLimits(), [self._file(file_input)])

    def digest(self, file: FileInfo) -> str:  # noqa: ARG002
        """Return what stands for the snapshot's content, as the digest of a file does."""
        return self._snapshot.digest

    def can_read(self, sql: str, places: "Sequence[SplitPlace]") -> bool:
        """See `KeepsSplits.can_read`: the snapshot that was divided is read again if it is still there."""
        stamp = places[0]["files"][0]["version"]
        if stamp != self._snapshot.stamp and not self._go_back_to(stamp):
            return False
        return super().can_read(sql, places)

    def _go_back_to(self, stamp: str) -> bool:
        try:
            snapshot = self._open_snapshot(self._store, self._input, stamp)
        except ConnectorError:
            return False
        if not self.files or snapshot.columns != self._snapshot.columns:
            return False
        self._snapshot = snapshot
        self.files = self._all_files = [self._file(self._input)]
        self._reader = self._reader_of(self.files, SizeLimits())
        return True

    def _open_snapshot(self, store: FileStore, file_input: FileInput, stamp: str | None) -> Snapshot:
        """Open the current snapshot, or one by its stamp. Raises FileRefused, also if that is of another table."""
        table_id, _, version = (stamp or "").rpartition("@")
        snapshot = self._load(store, file_input, version or None)
        if stamp is not None and snapshot.table_id != table_id:
            raise FileRefused(f"{self._name} was replaced by another table since it was divided among tasks.")
        return snapshot

    def _load(self, store: FileStore, file_input: FileInput, version: str | None) -> Snapshot:
        root = _root(file_input)
        if self._kind == "delta":
            from connector.files.tables.delta import delta_snapshot

            return delta_snapshot(root, self._name, version)
        from connector.files.tables.iceberg import iceberg_snapshot

        return iceberg_snapshot(root, self._name, store, version)

    def _file(self, file_input: FileInput) -> FileInfo:
        snapshot = self._snapshot
        return FileInfo(file_input.pattern, self._name, (), snapshot.size, snapshot.stamp, snapshot.stamp)

    def _reader_of(self, files: list[FileInfo], limits: SizeLimits) -> FileReader:  # noqa: ARG002
        return TableReader(self._snapshot, self._store, self.reading, self._stop)

    def _check_unchanged(self, file: FileInfo, size: int) -> None:
        """Accept any state of the table: its snapshot does not change."""
