"""Replace invalid UTF-8 in the texts of a result, once something has failed because of it."""

import pyarrow as pa


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
