"""PostgreSQL's own types as Arrow's plain ones."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_HEX = np.array([f"{byte:02x}" for byte in range(256)], "S2")
_DASHES = (8, 12, 16, 20)


def plain_schema(schema: pa.Schema, text_types: frozenset[str]) -> pa.Schema:
    """The columns with the types in which their values are handed out.

    NUMERIC, UUID, JSON and the `text_types` become text: a NUMERIC may have more digits than any decimal of Arrow,
    or be NaN. Types that nothing here knows stay the bytes that the server sends.
    """
    return pa.schema([(field.name, _plain(field.type, text_types)) for field in schema])


def plain_batch(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The rows in the types of `plain_schema`."""
    arrays = [_converted(column, field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _plain(kind: pa.DataType, text_types: frozenset[str]) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_plain(kind.value_type, text_types))
    if isinstance(kind, pa.UuidType):
        return pa.string()
    if isinstance(kind, pa.OpaqueType):
        return pa.string() if kind.type_name in text_types else kind.storage_type
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _converted(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if array.type == kind:
        return array
    if pa.types.is_list(kind):
        values = _converted(array.values, kind.value_type)
        return pa.ListArray.from_buffers(
            kind, len(array), array.buffers()[:2], array.null_count, array.offset, [values]
        )
    return _uuids(array.storage) if isinstance(array.type, pa.UuidType) else array.storage.cast(kind)


def _uuids(array: pa.FixedSizeBinaryArray) -> pa.StringArray:
    """UUIDs as they are usually written."""
    if not len(array):
        return pa.array([], pa.string())
    raw = np.frombuffer(array.buffers()[1], np.uint8).reshape(-1, 16)[array.offset : array.offset + len(array)]
    digits = _HEX[raw].view("S1").reshape(len(array), 32)
    written = np.insert(digits, _DASHES, b"-", axis=1)
    offsets = np.arange(0, 36 * len(array) + 1, 36, dtype=np.int32)
    texts = pa.StringArray.from_buffers(len(array), pa.py_buffer(offsets), pa.py_buffer(written.tobytes()))
    return texts if not array.null_count else pc.if_else(array.is_valid(), texts, None)
