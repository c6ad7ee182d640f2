"""Convert columns of the result to types and ranges that the engine can read, and repair invalid UTF-8."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_SCALES = {"s": 1_000_000, "ms": 1_000, "us": 1}
_INFINITY = 2**63 - 1
_EARLIEST = -9_223_372_022_400_000_000
"""Microseconds: DuckDB's first timestamp. It fails on others, and its infinities are the two numbers at the ends."""


def readable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert times to microseconds, those beyond the engine's range to infinity; nanoseconds stay.

    A time that would overflow otherwise ends the engine, whatever is asked of it. In nested values, numbers that are
    not finite become NULL: JSON has none.
    """
    if not _differs(column.type):
        return column
    return pa.chunked_array([_converted(chunk) for chunk in column.chunks], _type(column.type))


def _differs(kind: pa.DataType, *, nested: bool = False) -> bool:
    if pa.types.is_timestamp(kind):
        return bool(kind.unit != "ns")
    if pa.types.is_struct(kind):
        return any(_differs(field.type, nested=True) for field in kind)
    if pa.types.is_map(kind):
        return _differs(kind.item_type, nested=True)
    return (_is_list(kind) and _differs(kind.value_type, nested=True)) or (nested and pa.types.is_floating(kind))


def _type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind) and kind.unit != "ns":
        return pa.timestamp("us", kind.tz)
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _type(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(kind.key_type, _type(kind.item_type))
    return pa.list_(_type(kind.value_type)) if _is_list(kind) and _differs(kind) else kind


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _converted(array: pa.Array, *, nested: bool = False) -> pa.Array:
    kind = array.type
    if not _differs(kind, nested=nested):
        return array
    if pa.types.is_timestamp(kind):
        return _microseconds(array)
    if pa.types.is_struct(kind):
        fields = [_converted(array.field(number), nested=True) for number in range(kind.num_fields)]
        return pa.StructArray.from_arrays(fields, fields=list(_type(kind)), mask=array.is_null())
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(array), array, pa.scalar(None, kind))
    return _converted_values(array)


def _converted_values(array: pa.Array) -> pa.Array:
    if pa.types.is_map(array.type):
        items = _converted(array.items, nested=True)
        entries = pa.StructArray.from_arrays([array.keys, items], ["key", "value"])
        buffers = array.buffers()[:2]
        return pa.MapArray.from_buffers(
            _type(array.type), len(array), buffers, array.null_count, array.offset, [entries]
        )
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.r_[0, np.cumsum(lengths)].astype(np.int32))
    values = _converted(array.flatten(), nested=True)
    return pa.ListArray.from_arrays(offsets, values, _type(array.type), mask=array.is_null())


def _microseconds(array: pa.Array) -> pa.Array:
    scale, kind = _SCALES[array.type.unit], pa.timestamp("us", array.type.tz)
    numbers = np.asarray(array.view(pa.int64()).fill_null(0))
    early, late = numbers < -(-_EARLIEST // scale), numbers > _INFINITY // scale
    if scale == 1 and not early.any():
        return array
    return _clipped(numbers * scale, early, late, array, kind)


def _clipped(
    numbers: npt.NDArray[np.int64],
    early: npt.NDArray[np.bool_],
    late: npt.NDArray[np.bool_],
    array: pa.Array,
    kind: pa.DataType,
) -> pa.Array:
    numbers = np.where(early, -_INFINITY, np.where(late, _INFINITY, numbers))
    return pa.array(numbers, pa.int64(), mask=np.asarray(array.is_null())).view(kind)


def with_valid_texts(table: pa.Table) -> pa.Table:
    """Return the table with U+FFFD in place of bytes that are no UTF-8, in texts and in nested values."""
    for number, field in enumerate(table.schema):
        column = table.column(number)
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            values = [_decode(value) for value in column.cast(_binary(field.type)).to_pylist()]
            table = table.set_column(number, field, pa.chunked_array([pa.array(values, field.type)]))
    return table


def _binary(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _binary(field.type)) for field in kind])
    if pa.types.is_map(kind):
        return pa.map_(_binary(kind.key_type), _binary(kind.item_type))
    if pa.types.is_list(kind):
        return pa.list_(_binary(kind.value_type))
    return pa.binary() if pa.types.is_string(kind) else kind


def _decode(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, dict):
        return {name: _decode(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_decode, value))
    return value
