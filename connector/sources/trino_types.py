"""Conversion of the values that Trino sends as JSON to Arrow columns, by the types that it names."""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector.errors import SourceError
from connector.sources.json_text import json_texts

_TEXT = pa.string()
_MICROSECONDS = pa.timestamp("us")
_PLAIN = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "varbinary": pa.binary(),
}
"""By Trino's name; other types are text."""
_JSON_VALUES = frozenset({"boolean", "tinyint", "smallint", "integer", "bigint"})
"""Types whose values come as JSON has them."""
_DAY = "1970-01-01"
_TOKEN = re.compile(r'\s*("(?:[^"]|"")*"|[(),]|[^\s(),"]+)')
_SECONDS_END = 26
"""The length of a timestamp with six digits behind the second: Trino has up to twelve."""
_ZONE = r"^(?P<moment>.{19}(?:\.\d{1,6})?)\d* (?P<zone>.+)$"
_OFFSET = re.compile(r"[+-]\d\d:\d\d|UTC|Z")


@dataclass(frozen=True, slots=True)
class TrinoType:
    """A type as Trino writes it, such as `row(a bigint, b array(varchar))`."""

    name: str
    """In small letters, without arguments."""
    arguments: tuple["TrinoType", ...] = ()
    """The types and numbers in brackets."""
    field: str = ""
    """The name of this field of a row."""

    @property
    def arrow(self) -> pa.DataType:
        """Return the type of its Arrow columns."""
        if self.name == "decimal":
            precision, scale = (int(one.name) for one in self.arguments)
            return pa.decimal128(precision, scale)
        if self.name == "array":
            return pa.list_(self.arguments[0].arrow)
        if self.name == "map":
            return pa.map_(_TEXT, self.arguments[1].arrow)
        if self.name == "row":
            return pa.struct([(one.field, one.arrow) for one in self.arguments])
        times = {
            "timestamp": _MICROSECONDS,
            "timestamp with time zone": pa.timestamp("us", "UTC"),
            "time": pa.time64("us"),
        }
        return times.get(self.name) or _PLAIN.get(self.name, _TEXT)


@cache
def parse_type(written: str) -> TrinoType:
    """Parse a type. Raises ValueError for one that is not written as Trino writes types."""
    tokens = _TOKEN.findall(written)
    found, end = _parse(tokens, 0, is_field=False)
    if end != len(tokens):
        raise ValueError(f"not a type of Trino: {written}")
    return found


def build_array(values: Sequence[Any], kind: TrinoType, column: str) -> pa.Array:
    """Build a column from JSON values. Raises SourceError for one that Arrow cannot hold."""
    try:
        return _build(values, kind)
    except (pa.ArrowException, ValueError, TypeError, KeyError, OverflowError):
        raise SourceError(
            f'The column "{column}" holds a value that cannot be read as {kind.name}: cast it to VARCHAR in the query.'
        ) from None


def _parse(tokens: Sequence[str], start: int, *, is_field: bool) -> tuple[TrinoType, int]:
    """Parse one argument, or the whole: words, brackets, and words behind these."""
    words, arguments, position = [], [], start
    while position < len(tokens) and tokens[position] not in {",", ")"}:
        if tokens[position] != "(":
            words.append(tokens[position])
            position += 1
            continue
        is_row = words[-1:] == ["row"]
        while tokens[position] != ")":
            argument, position = _parse(tokens, position + 1, is_field=is_row)
            arguments.append(argument)
        position += 1
    field = words.pop(0) if is_field and len(words) > 1 else ""
    name = " ".join(words).lower()
    return TrinoType(name, tuple(arguments), field.removeprefix('"').removesuffix('"').replace('""', '"')), position


def _build(values: Sequence[Any], kind: TrinoType) -> pa.Array:
    if build := _BUILDERS.get(kind.name):
        return build(values, kind)
    return pa.array(values, kind.arrow) if kind.name in _JSON_VALUES else _texts(values).cast(kind.arrow)


def _texts(values: Sequence[Any]) -> pa.StringArray:
    dumped = [value if value is None or isinstance(value, str) else _dump(value) for value in values]
    return pa.array(dumped, _TEXT)


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _build_bytes(values: Sequence[Any], kind: TrinoType) -> pa.Array:
    return pa.array([None if value is None else base64.b64decode(value) for value in values], kind.arrow)


def _build_floats(values: Sequence[Any], kind: TrinoType) -> pa.Array:
    """Build a column of numbers of which not-a-number and the infinities come as text."""
    return pa.array([float(value) if isinstance(value, str) else value for value in values], kind.arrow)


def _build_timestamps(values: Sequence[Any], kind: TrinoType) -> pa.Array:
    return pc.utf8_slice_codeunits(_texts(values), 0, _SECONDS_END).cast(kind.arrow)


def _build_times(values: Sequence[Any], kind: TrinoType) -> pa.Array:
    times = pc.utf8_slice_codeunits(_texts(values), 0, _SECONDS_END - len(_DAY) - 1)
    return pc.binary_join_element_wise(_DAY, times, " ").cast(_MICROSECONDS).cast(kind.arrow)


def _build_moments(values: Sequence[Any], _: TrinoType) -> pa.Array:
    return _moments(_texts(values))


def _moments(texts: pa.StringArray) -> pa.Array:
    """Convert local times with their zones, as `2026-11-20 10:00:00.000 Europe/Zurich`, to moments."""
    parts = pc.extract_regex(texts, _ZONE)
    if parts.null_count > texts.null_count:
        raise ValueError("a moment without a zone")
    locals_, zones = pc.struct_field(parts, "moment"), pc.struct_field(parts, "zone").dictionary_encode()
    moments = pa.nulls(len(texts), pa.timestamp("us", "UTC"))
    for number, zone in enumerate(zones.dictionary.to_pylist()):
        is_there = pc.fill_null(pc.equal(zones.indices, number), False)
        moments = pc.replace_with_mask(moments, is_there, _in_zone(locals_.filter(is_there), zone))
    return moments


def _in_zone(texts: pa.StringArray, zone: str) -> pa.Array:
    if _OFFSET.fullmatch(zone):
        offset = "Z" if zone == "UTC" else zone
        return pc.binary_join_element_wise(texts, offset, "").cast(pa.timestamp("us", "UTC"))
    moments = pc.assume_timezone(texts.cast(_MICROSECONDS), zone, ambiguous="earliest", nonexistent="latest")
    return moments.cast(pa.timestamp("us", "UTC"))


def _build_list(values: Sequence[Any], kind: TrinoType) -> pa.Array:
    flat = [item for value in values if value is not None for item in value]
    return pa.ListArray.from_arrays(_offsets(values), _build(flat, kind.arguments[0]))


def _build_map(values: Sequence[Any], kind: TrinoType) -> pa.Array:
    pairs = [pair for value in values if value is not None for pair in value.items()]
    items = _build([item for _, item in pairs], kind.arguments[1])
    return pa.MapArray.from_arrays(_offsets(values), pa.array([key for key, _ in pairs], _TEXT), items)


def _build_row(values: Sequence[Any], kind: TrinoType) -> pa.Array:
    arrays = [
        _build([None if value is None else value[number] for value in values], one)
        for number, one in enumerate(kind.arguments)
    ]
    mask = pa.array([value is None for value in values], pa.bool_())
    return pa.StructArray.from_arrays(arrays, fields=list(kind.arrow), mask=mask)


_BUILDERS: Mapping[str, Callable[[Sequence[Any], TrinoType], pa.Array]] = {
    "array": _build_list,
    "map": _build_map,
    "row": _build_row,
    "varbinary": _build_bytes,
    "real": _build_floats,
    "double": _build_floats,
    "json": lambda values, _: json_texts(_texts(values)),
    "time": _build_times,
    "timestamp": _build_timestamps,
    "timestamp with time zone": _build_moments,
}


def _offsets(values: Sequence[Any]) -> pa.Array:
    """Return where each list starts; None for no list at all."""
    offsets: list[int | None] = []
    end = 0
    for value in values:
        offsets.append(None if value is None else end)
        end += 0 if value is None else len(value)
    return pa.array([*offsets, end], pa.int32())
