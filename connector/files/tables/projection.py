"""Turn rows as a data file has them into rows of the table's present columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from connector.files.tables.snapshot import ColumnKey, KeyReader, TableColumn

_UUID_BYTES = 16


class Projection:
    """Finds each column of a table in the batches of one data file, whatever it is called and of what type there."""

    def __init__(
        self, columns: Sequence[TableColumn], source: pa.Schema, keys: KeyReader, constants: Mapping[ColumnKey, Any]
    ) -> None:
        self._columns, self._keys, self._constants = columns, keys, constants
        self._fields = list(source)
        self._schema = pa.schema([(column.name, column.type) for column in columns])

    def rows(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows of a batch with the table's columns. Raises pyarrow's errors for values that do not fit."""
        arrays = _converted_fields(
            batch.columns, self._fields, self._columns, self._keys, batch.num_rows, self._constants
        )
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)


def _converted_fields(
    values: Sequence[pa.Array],
    fields: Sequence[pa.Field],
    columns: Sequence[TableColumn],
    keys: KeyReader,
    rows: int,
    constants: Mapping[ColumnKey, Any],
) -> list[pa.Array]:
    """Return a column for each of `columns`; those that are not there have their constant or default value."""
    numbers = {key: number for number, one in enumerate(fields) if (key := keys.key(one)) is not None}
    arrays = []
    for column in columns:
        number = numbers.get(column.key)
        if number is None:
            arrays.append(_repeated(constants.get(column.key, column.default), column.type, rows))
        else:
            arrays.append(_converted(values[number], fields[number], column, keys.below(fields[number])))
    return arrays


def _repeated(value: Any, kind: pa.DataType, rows: int) -> pa.Array:
    if value is None:
        return pa.nulls(rows, kind)
    return pa.repeat(value if isinstance(value, pa.Scalar) else pa.scalar(value, kind), rows).cast(kind)


def _converted(values: pa.Array, source: pa.Field, column: TableColumn, keys: KeyReader) -> pa.Array:
    """Return values of the column's type."""
    if not column.children:
        return _cast(values, column.type)
    if pa.types.is_struct(column.type):
        return _converted_structures(values, column, keys)
    if pa.types.is_map(column.type):
        return _converted_maps(values, source, column, keys)
    return _converted_lists(values, source, column, keys)


def _converted_structures(values: pa.Array, column: TableColumn, keys: KeyReader) -> pa.Array:
    fields = list(values.type)
    parts = [values.field(number) for number in range(len(fields))]
    arrays = _converted_fields(parts, fields, column.children, keys, len(values), {})
    return pa.StructArray.from_arrays(arrays, fields=list(column.type), mask=_absent(values))


def _converted_lists(values: pa.Array, source: pa.Field, column: TableColumn, keys: KeyReader) -> pa.Array:
    element = source.type.value_field
    values = _compact(values.cast(pa.list_(element)))
    inner = _converted(values.values, element, column.children[0], keys.below(element, "element"))
    return pa.ListArray.from_arrays(values.offsets, inner, type=column.type, mask=_absent(values))


def _converted_maps(values: pa.Array, source: pa.Field, column: TableColumn, keys: KeyReader) -> pa.Array:
    values = _compact(values)
    names = _converted(values.keys, source.type.key_field, column.children[0], keys.below(source.type.key_field, "key"))
    item = source.type.item_field
    items = _converted(values.items, item, column.children[1], keys.below(item, "value"))
    return pa.MapArray.from_arrays(values.offsets, names, items, type=column.type, mask=_absent(values))


def _compact(values: pa.Array) -> pa.Array:
    """Return the same values beginning at offset 0: arrays are not put together from slices."""
    return values.take(pa.array(np.arange(len(values)))) if values.offset or len(values) == 0 else values


def _absent(values: pa.Array) -> pa.Array | None:
    return values.is_null() if values.null_count else None


def _cast(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return values of another type: the same ones, times in the table's unit."""
    if values.type == kind:
        return values
    if pa.types.is_string(kind) and (plain := _uuid_bytes(values)) is not None:
        return _uuid_texts(plain)
    return values.cast(kind, safe=not pa.types.is_timestamp(values.type))


def _uuid_bytes(values: pa.Array) -> pa.Array | None:
    plain = values.storage if isinstance(values, pa.ExtensionArray) else values
    is_uuid = pa.types.is_fixed_size_binary(plain.type) and plain.type.byte_width == _UUID_BYTES
    return plain if is_uuid else None


def _uuid_texts(values: pa.Array) -> pa.Array:
    digits = (None if value is None else value.hex() for value in values.to_pylist())
    texts = [one and f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}" for one in digits]
    return pa.array(texts, pa.string())
