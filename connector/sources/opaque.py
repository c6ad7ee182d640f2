"""PostgreSQL's own types as Arrow's plain ones."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.errors import SourceError
from connector.sources.conversion import Conversion, conversion_of, converted
from connector.sources.json_text import JSON

_TYPE = b"POSTGRESQL:type"
_HEX = np.array([f"{byte:02x}" for byte in range(256)], "S2")
_DASHES = (8, 12, 16, 20)

_INT64_DIGITS = 19
_FIRST_DAY, _FIRST_MICROSECOND = -2_440_588, -210_866_803_200_000_000
"""PostgreSQL's first date and timestamp, from 1970. Less is an overflow: of infinity, or of a year after 294246."""
_NEGATIVE_INFINITY = {np.dtype(np.int32): -(2**31) + 10_957, np.dtype(np.int64): -(2**63) + 946_684_800_000_000}


class PlainTypes:
    """Converts a result to the types in which its values are handed out.

    NUMERIC, UUID, JSON and the `text_types` become text: a NUMERIC may have more digits than any decimal of Arrow,
    or be NaN. MONEY becomes a decimal of `money_places` places. Types that nothing here knows stay the bytes that the
    server sends; `schema` tells their names. Raises SourceError with the name of a column that cannot be read.
    """

    def __init__(self, schema: pa.Schema, text_types: frozenset[str], money_places: int | None) -> None:
        def leaf(field: pa.Field) -> Conversion:
            return _leaf(field, text_types, money_places)

        for field in schema:
            _refuse(field, money_places)
        self._conversions = [conversion_of(field, leaf) for field in schema]
        self.schema = pa.schema(
            [
                pa.field(field.name, one.kind, metadata=_said(field))
                for field, one in zip(schema, self._conversions, strict=True)
            ]
        )

    def batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows in the types of `schema`."""
        return converted(batch, self._conversions, self.schema)


def _name(field: pa.Field) -> str:
    return str((field.metadata or {}).get(_TYPE, b"").decode())


def _said(field: pa.Field) -> dict[str, str]:
    return {"type": _name(field).removeprefix("_") + "[]" * _name(field).startswith("_")}


def _refuse(field: pa.Field, money_places: int | None) -> None:
    name = _name(field).removeprefix("_")
    if name == "record":
        raise SourceError(f'The column "{field.name}" is a row: select its values one by one, or cast it to text.')
    if name == "money" and money_places is None:
        raise SourceError(
            f'The column "{field.name}" is of type money, and the server does not tell how many decimal places it has: '
            "write column::numeric."
        )


def _leaf(field: pa.Field, text_types: frozenset[str], money_places: int | None) -> Conversion:
    kind, name = field.type, _name(field)
    if name == "money":
        return Conversion(pa.decimal128(_INT64_DIGITS, money_places or 0), _money(money_places or 0))
    if name == "oid":
        return Conversion(pa.uint32(), lambda array: array.view(pa.uint32()))
    if name in {"json", "jsonb"}:
        return Conversion(pa.string(), lambda array: JSON(array.storage))
    if isinstance(kind, pa.BaseExtensionType):
        return _extension(kind, text_types)
    return _time(kind)


def _extension(kind: pa.BaseExtensionType, text_types: frozenset[str]) -> Conversion:
    if isinstance(kind, pa.UuidType):
        return Conversion(pa.string(), lambda array: _uuids(array.storage))
    is_text = isinstance(kind, pa.OpaqueType) and kind.type_name in text_types
    plain = pa.string() if is_text else kind.storage_type
    return Conversion(plain, lambda array: array.storage.cast(plain))


def _time(kind: pa.DataType) -> Conversion:
    if pa.types.is_date(kind):
        return Conversion(kind, lambda array: _finite(array, np.int32, _FIRST_DAY))
    if pa.types.is_timestamp(kind):
        return Conversion(kind, lambda array: _finite(array, np.int64, _FIRST_MICROSECOND))
    return Conversion(kind)


def _money(places: int) -> Callable[[pa.Array], pa.Array]:
    """The same digits with a point before the last ones: the driver hands out the server's whole numbers."""

    def convert(array: pa.Array) -> pa.Array:
        whole = array.cast(pa.decimal128(_INT64_DIGITS, 0))
        kind = pa.decimal128(_INT64_DIGITS, places)
        return pa.Array.from_buffers(kind, len(whole), whole.buffers(), whole.null_count, whole.offset)

    return convert


def _finite(array: pa.Array, width: type[np.int32] | type[np.int64], first: int) -> pa.Array:
    """Days or microseconds as the engine writes infinity: the driver adds 30 years to it, past the largest number."""
    whole = pa.int32() if width is np.int32 else pa.int64()
    numbers: npt.NDArray[np.int32 | np.int64] = np.asarray(array.view(whole).fill_null(0))
    beyond = numbers < first
    if not beyond.any():
        return array
    largest = np.iinfo(width).max
    ends = np.where(numbers == _NEGATIVE_INFINITY[numbers.dtype], -largest, largest)
    fixed = pa.array(np.where(beyond, ends, numbers), whole, mask=np.asarray(array.is_null()))
    return fixed.view(array.type)


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
