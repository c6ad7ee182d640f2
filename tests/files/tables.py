"""Tables as tests write them: by the libraries themselves and, where these write no such thing, by the specifications."""

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestWriterV2,
    write_manifest_list,
)
from pyiceberg.table import Table
from pyiceberg.typedef import Record
from pyroaring import BitMap, BitMap64

_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_MAGIC = 1681511377


def column(name: str, kind: Any, number: int | None = None) -> dict[str, Any]:
    """A column of a Delta table, which data files call `col-NUMBER` if it has one."""
    mapped = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": f"col-{number}"}
    return {"name": name, "type": kind, "nullable": True, "metadata": mapped if number else {}}


def commit(
    folder: Path,
    *actions: Mapping[str, Any],
    columns: Sequence[Mapping[str, Any]] = (),
    features: Sequence[str] = (),
    partitions: Sequence[str] = (),
    mapping: str | None = None,
    versions: tuple[int, int] = (3, 7),
) -> Path:
    """The next commit in the log of a Delta table; one with columns says what the table is."""
    log = folder / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    before: list[Mapping[str, Any]] = []
    if columns:
        named = {"readerFeatures": list(features), "writerFeatures": list(features)} if versions == (3, 7) else {}
        protocol = {"minReaderVersion": versions[0], "minWriterVersion": versions[1], **named}
        settings = {"delta.columnMapping.mode": mapping, "delta.columnMapping.maxColumnId": "9"} if mapping else {}
        schema = json.dumps({"type": "struct", "fields": list(columns)})
        table: dict[str, Any] = {
            "id": str(uuid4()),
            "format": {"provider": "parquet", "options": {}},
            "schemaString": schema,
        }
        table |= {"partitionColumns": list(partitions), "configuration": settings, "createdTime": 0}
        before = [{"protocol": protocol}, {"metaData": table}]
    number = len(list(log.glob("*.json")))
    lines = "\n".join(map(json.dumps, [*before, *actions]))
    (log / f"{number:020}.json").write_text(lines + "\n")
    return folder


def added(
    folder: Path, path: str, rows: pa.Table | None = None, written: str | None = None, **more: Any
) -> dict[str, Any]:
    """The action that adds a data file; `path` is as the log quotes it, `written` the file's own if it differs."""
    file = folder / (written or path)
    if rows is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, file)
    stats = json.dumps({"numRecords": pq.read_metadata(file).num_rows})
    action = {"path": path, "partitionValues": {}, "size": file.stat().st_size, "modificationTime": 0, "stats": stats}
    return {"add": {**action, "dataChange": True, **more}}


def deletion_vector(rows: Sequence[int], folder: Path | None = None) -> dict[str, Any]:
    """A deletion vector of Delta for these rows: in the log itself, or in a file of the folder."""
    data = struct.pack("<I", _MAGIC) + BitMap64(rows).serialize()
    about = {"sizeInBytes": len(data), "cardinality": len(rows)}
    if folder is None:
        return {"storageType": "i", "pathOrInlineDv": _z85(data + b"\0" * (-len(data) % 4)), **about}
    name = uuid4()
    content = b"\1" + struct.pack(">I", len(data)) + data + struct.pack(">I", zlib.crc32(data))
    (folder / f"deletion_vector_{name}.bin").write_bytes(content)
    return {"storageType": "u", "pathOrInlineDv": _z85(name.bytes), "offset": 1, **about}


def _z85(data: bytes) -> str:
    words = (int.from_bytes(data[start : start + 4], "big") for start in range(0, len(data), 4))
    return "".join(_Z85[word // 85**place % 85] for word in words for place in (4, 3, 2, 1, 0))


def iceberg(folder: Path, schema: Any, **more: Any) -> Table:
    """A new Iceberg table in a folder."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    catalog = SqlCatalog("tests", uri="sqlite:///:memory:", warehouse=str(folder.parent))
    catalog.create_namespace_if_not_exists("n")
    return catalog.create_table("n.t", schema=schema, location=str(folder), **more)


class _DeletesWriter(ManifestWriterV2):
    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


def delete_rows(
    table: Table,
    rows: pa.Table | Mapping[str, Sequence[int]],
    *,
    values: Sequence[int] = (),
    partition: Record | None = None,
) -> Path:
    """Delete rows of an Iceberg table as its specification says, which pyiceberg does not write; the metadata file.

    `rows` are numbers by data files (`file_path` and `pos`), or `values` of the fields with these numbers; or a
    deletion vector by data files.
    """
    folder, io, metadata = Path(table.location()), table.io, table.metadata
    number, sequence = (
        metadata.last_updated_ms + 7,
        int(json.loads(table.metadata.model_dump_json())["last-sequence-number"]) + 1,
    )
    path = folder / "data" / f"deletes-{uuid4()}.{'parquet' if isinstance(rows, pa.Table) else 'puffin'}"
    if isinstance(rows, pa.Table):
        pq.write_table(rows, path)
    else:
        path.write_bytes(_puffin(rows))
    content = DataFileContent.EQUALITY_DELETES if values else DataFileContent.POSITION_DELETES
    file = DataFile.from_args(
        content=content,
        file_path=str(path),
        file_format=FileFormat.PARQUET if isinstance(rows, pa.Table) else FileFormat.PUFFIN,
        partition=partition or Record(),
        record_count=len(rows),
        file_size_in_bytes=path.stat().st_size,
        equality_ids=list(values) or None,
    )
    spec = metadata.spec() if partition is not None or not values else metadata.specs()[0]
    file.spec_id = spec.spec_id
    entry = ManifestEntry.from_args(
        status=ManifestEntryStatus.ADDED,
        snapshot_id=number,
        sequence_number=None,
        file_sequence_number=None,
        data_file=file,
    )
    manifest = io.new_output(str(folder / "metadata" / f"{uuid4()}-m0.avro"))
    with _DeletesWriter(spec, metadata.schema(), manifest, number, "deflate") as writer:
        writer.add_entry(entry)
    snapshot = metadata.current_snapshot()
    assert snapshot is not None
    others = snapshot.manifests(io)
    return _committed(table, [*others, writer.to_manifest_file()], number, sequence)


def _committed(table: Table, manifests: list[ManifestFile], number: int, sequence: int) -> Path:
    """Write the next metadata file, whose snapshot has these manifests."""
    folder = Path(table.location()) / "metadata"
    manifest_list = folder / f"snap-{number}.avro"
    output = table.io.new_output(str(manifest_list))
    with write_manifest_list(2, output, number, table.metadata.current_snapshot_id, sequence, "deflate") as writer:
        writer.add_manifests(manifests)
    newest = max(folder.glob("*.metadata.json"))
    content = json.loads(newest.read_text())
    content |= {"current-snapshot-id": number, "last-sequence-number": sequence, "refs": {}}
    content["snapshots"].append(
        {
            "snapshot-id": number,
            "sequence-number": sequence,
            "timestamp-ms": number,
            "manifest-list": str(manifest_list),
            "summary": {"operation": "delete"},
            "schema-id": content["current-schema-id"],
        }
    )
    path = folder / f"{int(newest.name[:5]) + 1:05}-{uuid4()}.metadata.json"
    path.write_text(json.dumps(content))
    return path


def _puffin(rows: Mapping[str, Sequence[int]]) -> bytes:
    """A file with a deletion vector for each data file."""
    body, blobs = b"PFA1", []
    for path, numbers in rows.items():
        vector = struct.pack("<I", _MAGIC) + struct.pack("<Q", 1) + struct.pack("<I", 0) + BitMap(numbers).serialize()
        blob = struct.pack(">I", len(vector)) + vector + struct.pack(">I", zlib.crc32(vector))
        properties = {"referenced-data-file": path, "cardinality": str(len(numbers))}
        about = {"type": "deletion-vector-v1", "fields": [2147483645], "snapshot-id": -1, "sequence-number": -1}
        blobs.append({**about, "offset": len(body), "length": len(blob), "properties": properties})
        body += blob
    footer = json.dumps({"blobs": blobs, "properties": {}}).encode()
    return body + b"PFA1" + footer + struct.pack("<I", len(footer)) + b"\0\0\0\0" + b"PFA1"
