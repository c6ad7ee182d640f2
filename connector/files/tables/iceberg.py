"""Snapshots of Iceberg tables, whose manifests pyiceberg reads."""

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from glob import escape
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from connector.config.remote_address import scheme_of
from connector.core.redaction import redact
from connector.errors import ConnectorError, FileRefused
from connector.files.file_address import ICEBERG_SUFFIX
from connector.files.file_errors import translate_errors
from connector.files.file_store import FileStore
from connector.files.tables.iceberg_schema import NameMapping, columns_of, constant
from connector.files.tables.snapshot import (
    ColumnKey,
    DataFile,
    KeyReader,
    KeysByNumber,
    Snapshot,
    TableColumn,
)

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile as Entry

KIND = "Iceberg"
NEWEST_FORMAT = 3
_ROWS = 0
"""The content of a file with rows, as a manifest numbers it."""
_VERSION = re.compile(r"(?:v(\d+)|(\d+)-[^/]*?)(?:\.gz)?\.metadata\.json\Z")
_NAME_MAPPING = "schema.name-mapping.default"
_SCHEMES = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}


def iceberg_snapshot(root: str, name: str, store: FileStore, version: str | None = None) -> Snapshot:
    """Return the current snapshot of the table in a folder, or at its metadata file, or an earlier snapshot.

    `name` is the one for messages. Raises FileRefused for a table that is damaged or needs a newer reader, SourceError
    if it cannot be read.
    """
    with _translated_errors(name):
        path = root if root.endswith(ICEBERG_SUFFIX) else _metadata_file(root, name, store)
        table = IcebergTable(path, name, store)
        snapshot_id, schema_id = table.current if version is None else map(int, version.split("-"))
        columns = table.columns(schema_id)
        files = sorted(table.data_files(snapshot_id), key=lambda file: file[:2])
    title = f"snapshot {snapshot_id}" if snapshot_id else "the empty table"
    data_files = [file for *_, file in files]
    return Snapshot(KIND, table.table_id, f"{snapshot_id}-{schema_id}", title, columns, data_files, table)


def _metadata_file(root: str, name: str, store: FileStore) -> str:
    """Return the metadata file with the highest number: without a catalog, it describes the table as it is now."""
    with translate_errors(name):
        paths = store.find(f"{escape(root)}/metadata/*{ICEBERG_SUFFIX}")
    numbers = {path: int(match[1] or match[2]) for path in paths if (match := _VERSION.match(path.rpartition("/")[2]))}
    if not numbers:
        raise FileRefused(f"There is no Iceberg table {name}: it has no metadata/*{ICEBERG_SUFFIX} with a number.")
    highest = [path for path, number in numbers.items() if number == max(numbers.values())]
    if len(highest) > 1:
        names = " and ".join(sorted(path.rpartition("/")[2] for path in highest)[:2])
        raise FileRefused(
            f"{name} has several newest metadata files, {names}: set `file` to the one that its catalog names."
        )
    return highest[0]


class IcebergTable:
    """A table as its metadata file describes it. Implements `TableFormat`."""

    def __init__(self, path: str, name: str, store: FileStore) -> None:
        self.name, self.store = name, store
        self._metadata: Mapping[str, Any] = json.loads(self._text(path))
        newest = self._metadata.get("format-version")
        if not isinstance(newest, int) or newest > NEWEST_FORMAT:
            raise FileRefused(
                f"{name} is an Iceberg table of format version {newest}, and versions up to {NEWEST_FORMAT} are read."
            )
        self._location = str(self._metadata["location"]).rstrip("/")
        folder = path.rpartition("/")[0]
        self._root = folder.rpartition("/")[0] if folder.endswith("/metadata") else self._location

    @property
    def table_id(self) -> str:
        """The id of the table, or its location if it is older than ids."""
        return str(self._metadata.get("table-uuid") or self._location)

    @property
    def current(self) -> tuple[int, int]:
        """The ids of the current snapshot, 0 of an empty table, and of the current schema."""
        snapshot = self._metadata.get("current-snapshot-id")
        return (0 if snapshot in {None, -1} else int(str(snapshot))), int(self._metadata.get("current-schema-id") or 0)

    @cached_property
    def schemas(self) -> Mapping[int, Mapping[str, Any]]:
        """The schemas of the table by their ids, in the order in which they were added."""
        schemas = self._metadata.get("schemas") or [self._metadata["schema"]]
        return {int(schema.get("schema-id") or 0): schema for schema in schemas}

    def columns(self, schema_id: int) -> list[TableColumn]:
        """Return the columns of a schema. Raises FileRefused for a type that is not read."""
        if schema_id not in self.schemas:
            raise FileRefused(f"{self.name} has no schema {schema_id} any more.")
        return columns_of(self.schemas[schema_id], self.name)

    def column(self, number: int) -> TableColumn:
        """Return a column of any schema, the newest that has it, by the number of its field."""
        for schema in reversed([*self.schemas.values()]):
            found = [column for column in columns_of(schema, self.name) if column.key == number]
            if found:
                return found[0]
        raise FileRefused(
            f"{self.name}: its rows are deleted by values of a field within a column, which is not supported: rewrite "
            "the table's data files."
        )

    def keys(self, schema: pa.Schema) -> KeyReader:
        """See `TableFormat.keys`: by number or, in files without numbers, by the table's mapping of names."""
        if _has_numbers(schema):
            return KeysByNumber()
        mapping = (self._metadata.get("properties") or {}).get(_NAME_MAPPING)
        if mapping is None:
            raise FileRefused(
                f"{self.name}: a data file names no field ids, and the table has no {_NAME_MAPPING}: set it, or write "
                "the table again."
            )
        return NameMapping(json.loads(mapping))

    def data_files(self, snapshot_id: int) -> Iterator[tuple[int, str, DataFile]]:
        """Yield the sequence numbers and paths of data files, and the files. Raises FileRefused, SourceError."""
        if not snapshot_id:
            return
        from connector.files.tables.iceberg_deletes import DeleteFiles
        from connector.files.tables.iceberg_manifests import entries

        deletes = DeleteFiles(self)
        for entry in entries(self, self._manifest_list(snapshot_id)):
            file, sequence = entry.data_file, entry.sequence_number or 0
            self._check_entry(file)
            if file.content != _ROWS:
                deletes.add(sequence, file)
                continue
            address, deleted = self.address(file.file_path), deletes.of(sequence, file)
            found = DataFile(address, self._shown(address), file.file_size_in_bytes, self._constants(file), deleted)
            yield sequence, file.file_path, found

    def address(self, location: str) -> str:
        """Return the path or address of a file of the table, which may have been moved as a whole."""
        if location.startswith(f"{self._location}/"):
            return self._root + location.removeprefix(self._location)
        scheme, mark, rest = location.partition("://")
        if mark and scheme != "file":
            address = f"{_SCHEMES.get(scheme, scheme)}://{rest}"
        else:
            address = re.sub(r"\Afile:/*", "/", location)
        if scheme_of(address) != scheme_of(self._root):
            raise FileRefused(
                f"{self.name} has files elsewhere, as {redact(location)[:200]}: move them into its folder."
            )
        return address

    def read(self, location: str) -> bytes:
        """Return the content of a file of the table. Raises FileRefused, SourceError."""
        address = self.address(location)
        with translate_errors(self._shown(address)), closing(self.store.open(address)) as handle:
            return b"".join(iter(lambda: handle.read(8 << 20), b""))

    def _text(self, path: str) -> bytes:
        with translate_errors(self.name), closing(self.store.open(path)) as handle:
            content = b"".join(iter(lambda: handle.read(8 << 20), b""))
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content

    def _manifest_list(self, snapshot_id: int) -> str:
        snapshots = {one["snapshot-id"]: one for one in self._metadata.get("snapshots") or ()}
        if snapshot_id not in snapshots:
            raise FileRefused(f"{self.name} has no snapshot {snapshot_id} any more: it was expired.")
        if "manifest-list" not in snapshots[snapshot_id]:
            raise FileRefused(f"{self.name} has a snapshot without a list of its manifests: write the table again.")
        return str(snapshots[snapshot_id]["manifest-list"])

    def _check_entry(self, file: "Entry") -> None:
        if file.key_metadata:
            raise FileRefused(f"{self.name} is an encrypted Iceberg table, which is not read: write a copy.")
        if file.file_format.value not in {"PARQUET", "PUFFIN"}:
            raise FileRefused(
                f"{self.name} has {file.file_format.value} files, and those of Parquet are read: write the table again "
                "as Parquet."
            )

    def _shown(self, address: str) -> str:
        return f"{self.name}{address.removeprefix(self._root)}" if address.startswith(f"{self._root}/") else address

    def _constants(self, file: "Entry") -> Mapping[ColumnKey, Any]:
        """Return the values of partition columns, for files that were added without them."""
        fields: Sequence[Mapping[str, Any]] = self._metadata.get("partition-spec") or ()
        for spec in self._metadata.get("partition-specs") or ():
            fields = spec["fields"] if spec["spec-id"] == file.spec_id else fields
        return {
            field["source-id"]: value
            for number, field in enumerate(fields)
            if field["transform"] == "identity"
            and (value := constant(self.column(field["source-id"]).type, file.partition[number])) is not None
        }


def _has_numbers(fields: "Sequence[pa.Field] | pa.Schema") -> bool:
    return any(KeysByNumber().key(field) is not None for field in fields)


@contextmanager
def _translated_errors(name: str) -> Iterator[None]:
    """Raise FileRefused for what cannot be read of a table's metadata."""
    try:
        yield
    except ConnectorError:
        raise
    except Exception as error:  # pyiceberg and the decoder of Avro raise all kinds.
        reason = redact(" ".join(str(error).split()))[:200].rstrip(".") or type(error).__name__
        raise FileRefused(f"{name} is no Iceberg table, or is damaged: {reason}.") from None
