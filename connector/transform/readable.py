"""Columns of the result in the types and the range that the engine can read."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_SCALES = {"s": 1_000_000, "ms": 1_000, "us": 1}
_INFINITY = 2**63 - 1
_EARLIEST = -9_223_372_022_400_000_000
"""Microseconds: DuckDB's first timestamp. It fails on others, and its infinities are the two numbers at the ends."""


def readable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with its times in microseconds, those beyond the engine's range infinite; nanoseconds stay.

    A time that would overflow otherwise ends the engine, whatever is asked of it.
    """
    if not _has_times(column.type):
        return column
    return pa.chunked_array([_converted(chunk) for chunk in column.chunks], readable_type(column.type))


def readable_type(kind: pa.DataType) -> pa.DataType:
    """The type that a column of this type has for the engine."""
    if pa.types.is_timestamp(kind):
        return kind if kind.unit == "ns" else pa.timestamp("us", kind.tz)
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, readable_type(field.type)) for field in kind])
    if _is_list(kind) and _has_times(kind):
        return pa.list_(readable_type(kind.value_type))
    return kind


def _has_times(kind: pa.DataType) -> bool:
    if pa.types.is_timestamp(kind):
        return bool(kind.unit != "ns")
    if pa.types.is_struct(kind):
        return any(_has_times(field.type) for field in kind)
    return _is_list(kind) and _has_times(kind.value_type)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _converted(array: pa.Array) -> pa.Array:
    kind = array.type
    if not _has_times(kind):
        return array
    if pa.types.is_timestamp(kind):
        return _microseconds(array)
    if pa.types.is_struct(kind):
        fields = [_converted(array.field(number)) for number in range(kind.num_fields)]
        return pa.StructArray.from_arrays(fields, fields=list(readable_type(kind)), mask=array.is_null())
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.r_[0, np.cumsum(lengths)].astype(np.int32))
    return pa.ListArray.from_arrays(offsets, _converted(array.flatten()), readable_type(kind), mask=array.is_null())


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
