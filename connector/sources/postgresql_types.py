"""Conversion of PostgreSQL's own types to plain Arrow types."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from connector.errors import SourceError
from connector.sources.array_conversion import Conversion, build_conversion, convert_batch, uuid_texts
from connector.sources.json_text import JSON

_TYPE = b"POSTGRESQL:type"

_INT64_DIGITS = 19
_FIRST_DAY, _FIRST_MICROSECOND = -2_440_588, -210_866_803_200_000_000
"""PostgreSQL's first date and timestamp, from 1970. Less is an overflow: of infinity, or of a year after 294246."""
_NEGATIVE_INFINITY = {np.dtype(np.int32): -(2**31) + 10_957, np.dtype(np.int64): -(2**63) + 946_684_800_000_000}


class PostgreSQLTypes:
    """Converts a result to plain types.

    NUMERIC, UUID, JSON and the `text_types` become text: a NUMERIC may have more digits than any decimal of Arrow,
    or be NaN. MONEY becomes a decimal of `money_places` places. Unknown types stay the bytes that the server sends;
    `schema` tells their names. Raises SourceError with the name of a column that cannot be read.
    """

    def __init__(self, schema: pa.Schema, text_types: frozenset[str], money_places: int | None) -> None:
        def leaf(field: pa.Field) -> Conversion:
            return _leaf_conversion(field, text_types, money_places)

        for field in schema:
            _check_readable(field, money_places)
        self._conversions = [build_conversion(field, leaf) for field in schema]
        self.schema = pa.schema(
            [
                pa.field(field.name, one.kind, metadata=_type_metadata(field))
                for field, one in zip(schema, self._conversions, strict=True)
            ]
        )

    def batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Convert a batch to the types of `schema`."""
        return convert_batch(batch, self._conversions, self.schema)


def _type_name(field: pa.Field) -> str:
    return str((field.metadata or {}).get(_TYPE, b"").decode())


def _type_metadata(field: pa.Field) -> dict[str, str]:
    return {"type": _type_name(field).removeprefix("_") + "[]" * _type_name(field).startswith("_")}


def _check_readable(field: pa.Field, money_places: int | None) -> None:
    name = _type_name(field).removeprefix("_")
    if name == "record":
        raise SourceError(f'The column "{field.name}" is a row: select its values one by one, or cast it to text.')
    if name == "money" and money_places is None:
        raise SourceError(
            f'The column "{field.name}" is of type money, and the server does not tell how many decimal places it has: '
            "write column::numeric."
        )


def _leaf_conversion(field: pa.Field, text_types: frozenset[str], money_places: int | None) -> Conversion:
    kind, name = field.type, _type_name(field)
    if name == "money":
        return Conversion(pa.decimal128(_INT64_DIGITS, money_places or 0), _money_converter(money_places or 0))
    if name == "oid":
        return Conversion(pa.uint32(), lambda array: array.view(pa.uint32()))
    if name in {"json", "jsonb"}:
        return Conversion(pa.string(), lambda array: JSON(array.storage))
    if isinstance(kind, pa.BaseExtensionType):
        return _extension_conversion(kind, text_types)
    return _time_conversion(kind)


def _extension_conversion(kind: pa.BaseExtensionType, text_types: frozenset[str]) -> Conversion:
    if isinstance(kind, pa.UuidType):
        return Conversion(pa.string(), lambda array: uuid_texts(array.storage))
    is_text = isinstance(kind, pa.OpaqueType) and kind.type_name in text_types
    plain = pa.string() if is_text else kind.storage_type
    return Conversion(plain, lambda array: array.storage.cast(plain))


def _time_conversion(kind: pa.DataType) -> Conversion:
    if pa.types.is_date(kind):
        return Conversion(kind, lambda array: _replace_infinity(array, np.int32, _FIRST_DAY))
    if pa.types.is_timestamp(kind):
        return Conversion(kind, lambda array: _replace_infinity(array, np.int64, _FIRST_MICROSECOND))
    return Conversion(kind)


def _money_converter(places: int) -> Callable[[pa.Array], pa.Array]:
    """Return a converter that sets the decimal point: the driver returns the server's integers."""

    def convert(array: pa.Array) -> pa.Array:
        whole = array.cast(pa.decimal128(_INT64_DIGITS, 0))
        kind = pa.decimal128(_INT64_DIGITS, places)
        return pa.Array.from_buffers(kind, len(whole), whole.buffers(), whole.null_count, whole.offset)

    return convert


def _replace_infinity(array: pa.Array, width: type[np.int32] | type[np.int64], first: int) -> pa.Array:
    """Replace infinite days or microseconds by the engine's: the driver overflows by adding 30 years to them."""
    integer_type = pa.int32() if width is np.int32 else pa.int64()
    numbers: npt.NDArray[np.int32 | np.int64] = np.asarray(array.view(integer_type).fill_null(0))
    is_infinite = numbers < first
    if not is_infinite.any():
        return array
    largest = np.iinfo(width).max
    replacements = np.where(numbers == _NEGATIVE_INFINITY[numbers.dtype], -largest, largest)
    fixed = pa.array(np.where(is_infinite, replacements, numbers), integer_type, mask=np.asarray(array.is_null()))
    return fixed.view(array.type)
