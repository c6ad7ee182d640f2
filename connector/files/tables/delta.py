"""Snapshots of Delta tables, whose log delta-rs reads."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from connector.config.remote_address import scheme_of
from connector.core.redaction import redact
from connector.errors import ConnectorError, FileRefused, SourceError
from connector.files.tables.snapshot import (
    ColumnKey,
    DataFile,
    DeletedMask,
    KeyReader,
    KeysByName,
    KeysByNumber,
    Mask,
    Snapshot,
    TableColumn,
    unsupported_type,
)

if TYPE_CHECKING:
    from deltalake import DeltaTable

KIND = "Delta"
_FEATURES = frozenset(
    "columnMapping deletionVectors timestampNtz typeWidening typeWidening-preview v2Checkpoint vacuumProtocolCheck "
    "variantType variantType-preview".split()
)
"""Features that a reader must know, and that are respected here. A column of type variant is refused by itself."""

_BACKTRACE = re.compile(r"\n\s*(?:stack backtrace:\s*)?0: ")
"""The part that delta-rs appends to some errors: addresses in its own code."""
_NEWER = re.compile(
    r"[Ff]eature '?\w{1,60}'? is not supported|reader version \d+|catalog-managed table|features required: \[[\w, ]*\]"
)
"""How delta-rs says that a table is newer than itself."""

_MAPPING, _NAME, _ID = "delta.columnMapping.mode", "delta.columnMapping.physicalName", "delta.columnMapping.id"
_TYPES: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "long": pa.int64(),
    "integer": pa.int32(),
    "short": pa.int16(),
    "byte": pa.int8(),
    "float": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "timestamp_ntz": pa.timestamp("us"),
}


def delta_snapshot(root: str, name: str, version: str | None = None) -> Snapshot:
    """Return the current snapshot of the table in a folder, or an earlier one; `name` is the folder's for messages.

    Raises FileRefused for a table that is damaged or needs a newer reader, SourceError if it cannot be read.
    """
    with _translated_errors(name):
        table = _opened(root, None if version is None else int(version))
        _check_features(table, name)
        columns, mode = _columns(table, name)
        files = _data_files(table, root, name, {column.name: column.key for column in columns})
    return Snapshot(
        KIND, str(table.metadata().id), str(table.version()), f"version {table.version()}", columns, files, _Keys(mode)
    )


@dataclass(frozen=True, slots=True)
class _Keys:
    """Implements `TableFormat`: columns are mapped by name, which may be another one than the table's, or by number."""

    mode: str

    def keys(self, schema: pa.Schema) -> KeyReader:  # noqa: ARG002
        return KeysByNumber() if self.mode == "id" else KeysByName()


class _DeletionVector:
    """Implements `DeletedRows` by the rows that delta-rs says are kept; rows after the last of them are kept too."""

    columns: Sequence[TableColumn] = ()

    def __init__(self, kept: pa.ListScalar) -> None:
        self._kept = kept

    def load(self) -> DeletedMask:
        return self._mask

    def _mask(self, first: int, count: int, values: Mapping[ColumnKey, pa.Array]) -> Mask:  # noqa: ARG002
        kept = self._kept.values.slice(first, count).to_numpy(zero_copy_only=False).astype(np.bool_)
        deleted = np.zeros(count, np.bool_)
        deleted[: len(kept)] = ~kept
        return deleted


def _opened(root: str, version: int | None) -> "DeltaTable":
    from deltalake import DeltaTable

    address = root if scheme_of(root) else Path(root).absolute().as_uri()
    endpoints = (os.environ.get(name, "") for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
    options = {"AWS_ALLOW_HTTP": "true"} if any(one.startswith("http://") for one in endpoints) else {}
    return DeltaTable(address, version, storage_options=options)


def _check_features(table: "DeltaTable", name: str) -> None:
    needed = set(table.protocol().reader_features or ())
    if unknown := sorted(needed - _FEATURES):
        raise FileRefused(
            f"{name} is a Delta table that needs newer features of its readers than are supported: "
            f"{', '.join(unknown)[:200]}. Write a copy without them."
        )


def _columns(table: "DeltaTable", name: str) -> tuple[list[TableColumn], str]:
    """Return the columns, and how they are mapped to those of data files."""
    mode = table.metadata().configuration.get(_MAPPING, "none")
    fields = json.loads(table.schema().to_json())["fields"]
    return [_column(field, mode, name) for field in fields], mode


def _column(field: Mapping[str, Any], mode: str, table: str, within: str = "") -> TableColumn:
    metadata = field.get("metadata") or {}
    keys = {"id": metadata.get(_ID), "name": metadata.get(_NAME)}
    children, kind = _type(field["type"], within + field["name"], mode, table)
    return TableColumn(field["name"], keys.get(mode, field["name"]), kind, children)


def _type(kind: Any, name: str, mode: str, table: str) -> tuple[tuple[TableColumn, ...], pa.DataType]:
    """Return the fields of a type, as Delta's schema writes it, and the type itself."""
    if isinstance(kind, str):
        return (), _plain_type(kind, name, table)
    if kind["type"] == "struct":
        fields = tuple(_column(field, mode, table, f"{name}.") for field in kind["fields"])
        return fields, pa.struct([(field.name, field.type) for field in fields])
    parts = ("elementType",) if kind["type"] == "array" else ("keyType", "valueType")
    children = tuple(_unnamed(kind[part], name, mode, table) for part in parts)
    types = [child.type for child in children]
    return children, pa.list_(types[0]) if len(types) == 1 else pa.map_(*types)


def _unnamed(kind: Any, name: str, mode: str, table: str) -> TableColumn:
    children, own = _type(kind, name, mode, table)
    return TableColumn("", "", own, children)


def _plain_type(kind: str, name: str, table: str) -> pa.DataType:
    if kind.startswith("decimal"):
        precision, scale = kind.removeprefix("decimal(").removesuffix(")").split(",")
        return pa.decimal128(int(precision), int(scale))
    if kind not in _TYPES:
        raise unsupported_type(table, name, kind)
    return _TYPES[kind]


def _data_files(table: "DeltaTable", root: str, name: str, keys: Mapping[str, Any]) -> list[DataFile]:
    """Return the data files in the order in which they were written."""
    added = pa.table(table.get_add_actions())
    deleted = _deletion_vectors(table) if "deletionVectors" in (table.protocol().reader_features or ()) else {}
    partitions = added.column("partition") if "partition" in added.column_names else None
    files = []
    for number in _order(added):
        path = unquote(added["path"][number].as_py())
        address = _address(path, root)
        values = {} if partitions is None else partitions[number]
        constants = {keys[column]: value for column, value in values.items() if value.is_valid}
        vector = deleted.get(_uri(address))
        vectors = () if vector is None else (_DeletionVector(vector),)
        shown = path if address == path else f"{name}/{path}"
        files.append(DataFile(address, shown, added["size_bytes"][number].as_py(), constants, vectors))
    return files


def _order(added: pa.Table) -> list[int]:
    times, paths = added["modification_time"].to_pylist(), added["path"].to_pylist()
    return sorted(range(len(paths)), key=lambda number: (times[number], paths[number]))


def _deletion_vectors(table: "DeltaTable") -> Mapping[str, pa.ListScalar]:
    """Return which rows are kept of the files that have deleted ones, by the unquoted address of each."""
    vectors = pa.table(table.deletion_vectors())
    return {unquote(path.as_py()): kept for path, kept in zip(*vectors.columns, strict=True)}


def _address(path: str, root: str) -> str:
    """Return the path or address of a data file; one of a cloned table may be elsewhere."""
    if path.startswith("file:"):
        return "/" + path.removeprefix("file:").lstrip("/")
    return path if "://" in path or path.startswith("/") else f"{root}/{path}"


def _uri(address: str) -> str:
    return address if scheme_of(address) else f"file://{address}"


@contextmanager
def _translated_errors(name: str) -> Iterator[None]:
    """Raise FileRefused for what delta-rs says of the table, SourceError for what it says of the store."""
    from deltalake.exceptions import DeltaError, DeltaProtocolError, TableNotFoundError

    try:
        yield
    except ConnectorError:
        raise
    except TableNotFoundError:
        message = f"There is no Delta table {name}: it has no _delta_log. Correct `file`, or write it first."
        raise FileRefused(message) from None
    except (DeltaError, DeltaProtocolError) as error:
        text = " ".join(_BACKTRACE.split(str(error))[0].split())
        if match := _NEWER.search(text):
            raise FileRefused(
                f"{name} is a Delta table that needs newer features of its readers than are supported: {match[0]}. "
                "Write a copy without them."
            ) from None
        raise SourceError(f"{name} could not be read as a Delta table: {_redacted(text)}.") from None
    except OSError as error:
        raise SourceError(f"{name} could not be read: {_redacted(str(error))}.") from None


def _redacted(text: str) -> str:
    return redact(" ".join(text.split()))[:300].rstrip(".")
