"""Conversion of Arrow arrays between types, nested values included."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_HEX_DIGITS = np.array([f"{byte:02x}" for byte in range(256)], "S2")
_DASH_POSITIONS = (8, 12, 16, 20)

Convert = Callable[[pa.Array], pa.Array]


@dataclass(frozen=True, slots=True)
class Conversion:
    """Converts arrays to `kind`; without `convert` it returns them unchanged."""

    kind: pa.DataType
    convert: Convert | None = None

    def __call__(self, array: pa.Array) -> pa.Array:
        """Convert one array."""
        return self.convert(array) if self.convert else array


def build_conversion(field: pa.Field, leaf: Callable[[pa.Field], Conversion]) -> Conversion:
    """Build the conversion of a field; `leaf` builds that of a field that is neither a list nor a struct."""
    kind = field.type
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        inner = kind.value_field.with_metadata({**(kind.value_field.metadata or {}), **_element_metadata(field)})
        return list_conversion(kind, build_conversion(inner, leaf))
    if pa.types.is_struct(kind):
        return struct_conversion(kind, [build_conversion(child, leaf) for child in kind])
    return leaf(field)


def convert_batch(batch: pa.RecordBatch, conversions: Sequence[Conversion], schema: pa.Schema) -> pa.RecordBatch:
    """Convert each column of a batch."""
    arrays = [conversion(column) for column, conversion in zip(batch.columns, conversions, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _element_metadata(field: pa.Field) -> dict[bytes, bytes]:
    """Derive the metadata of a list's values from the list's: `_money` is a list of `money`."""
    return {key: value.removeprefix(b"_") for key, value in (field.metadata or {}).items()}


def list_conversion(kind: pa.DataType, values: Conversion) -> Conversion:
    """Build the conversion of lists from that of their values."""
    if values.convert is None:
        return Conversion(kind)
    result_type = pa.list_(values.kind)

    def convert(array: pa.Array) -> pa.Array:
        if pa.types.is_fixed_size_list(array.type):
            array = array.cast(pa.list_(array.type.value_type))
        inner = values(array.values)
        return pa.ListArray.from_buffers(
            result_type, len(array), array.buffers()[:2], array.null_count, array.offset, [inner]
        )

    return Conversion(result_type, convert)


def struct_conversion(kind: pa.DataType, children: Sequence[Conversion]) -> Conversion:
    """Build the conversion of structs from those of their fields."""
    if all(child.convert is None for child in children):
        return Conversion(kind)
    fields = [pa.field(field.name, child.kind) for field, child in zip(kind, children, strict=True)]

    def convert(array: pa.Array) -> pa.Array:
        inner = [child(array.field(number)) for number, child in enumerate(children)]
        return pa.StructArray.from_arrays(inner, fields=fields, mask=array.is_null())

    return Conversion(pa.struct(fields), convert)


def uuid_texts(array: pa.FixedSizeBinaryArray) -> pa.StringArray:
    """Format UUIDs, given as 16 bytes each, as usual."""
    if not len(array):
        return pa.array([], pa.string())
    raw = np.frombuffer(array.buffers()[1], np.uint8).reshape(-1, 16)[array.offset : array.offset + len(array)]
    digits = _HEX_DIGITS[raw].view("S1").reshape(len(array), 32)
    characters = np.insert(digits, _DASH_POSITIONS, b"-", axis=1)
    offsets = np.arange(0, 36 * len(array) + 1, 36, dtype=np.int32)
    texts = pa.StringArray.from_buffers(len(array), pa.py_buffer(offsets), pa.py_buffer(characters.tobytes()))
    return texts if not array.null_count else pc.if_else(array.is_valid(), texts, None)
