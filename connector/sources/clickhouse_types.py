"""Conversion of ClickHouse's Arrow arrays to plain types; its own names of types tell what their values mean."""

import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv6Address
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from connector.sources.array_conversion import Conversion, list_conversion, struct_conversion, uuid_texts
from connector.sources.json_text import json_texts

_TOKEN = re.compile(r"'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.)*`|[(),]|[^\s'`(),]+|\s+")
_LABEL = re.compile(r"\A'(?P<label>(?:[^'\\]|\\.|'')*)'\s*=\s*(?P<number>-?\d+)\Z", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)|''", re.DOTALL)
_MAX_DIGITS = 38
_TEXT, _UTC = pa.string(), pa.timestamp("us", "UTC")
_TRANSPARENT = frozenset({"Nullable", "LowCardinality"})


class TypeName(NamedTuple):
    """The name of a type, such as `Array(Nullable(String))`, and the texts of its arguments."""

    name: str
    arguments: Sequence[str] = ()


def parse_type(text: str) -> TypeName:
    """Parse the name of a type; Nullable and LowCardinality change nothing about its values."""
    name, _, rest = text.strip().partition("(")
    if not rest:
        return TypeName(name)
    arguments = _split(rest.strip().removesuffix(")"))
    if name in _TRANSPARENT:
        return parse_type(arguments[0])
    if name == "SimpleAggregateFunction":
        return parse_type(arguments[1])
    return TypeName(name, arguments)


def _split(text: str) -> list[str]:
    """Split arguments at the commas outside of brackets and quotation marks."""
    parts, depth = [""], 0
    for part in _TOKEN.findall(text):
        depth += {"(": 1, ")": -1}.get(part, 0)
        if part == "," and not depth:
            parts.append("")
        else:
            parts[-1] += part
    return [part.strip() for part in parts]


def type_conversion(text: str) -> Conversion:
    """Return the conversion of the arrays of a type. A type that is not known becomes bytes, which fill nothing."""
    kind = parse_type(text)
    if kind.name in _BY_ARGUMENTS:
        return _BY_ARGUMENTS[kind.name](kind.arguments)
    if kind.name in _BY_NAME:
        return _BY_NAME[kind.name]
    if kind.name.startswith("Interval"):
        return _cast_to(pa.int64())
    return Conversion(pa.binary(), lambda array: pa.nulls(len(array), pa.binary()))


def _cast_to(kind: pa.DataType) -> Conversion:
    return Conversion(kind, lambda array: array if array.type == kind else _plain(array).cast(kind, safe=False))


def _plain(array: pa.Array) -> pa.Array:
    """Return the array behind an extension type or a dictionary."""
    if isinstance(array.type, pa.BaseExtensionType):
        return array.storage
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _decimal(arguments: Sequence[str]) -> Conversion:
    """Return a decimal; text if it has more digits than a decimal of 128 bits."""
    digits, places = int(arguments[0]), int(arguments[1])
    return _cast_to(pa.decimal128(digits, places) if digits <= _MAX_DIGITS else _TEXT)


def _date(array: pa.Array) -> pa.Array:
    # Older servers send days as a number.
    return array.cast(pa.int32()).cast(pa.date32()) if pa.types.is_integer(array.type) else array.cast(pa.date32())


def _moment(array: pa.Array) -> pa.Array:
    if pa.types.is_integer(array.type):
        array = array.cast(pa.int64()).cast(pa.timestamp("s"))
    return array.cast(pa.timestamp("us", getattr(array.type, "tz", None)), safe=False).cast(_UTC)


def _text(array: pa.Array) -> pa.Array:
    """Return texts, which some servers send as bytes; bytes that are no UTF-8 stay."""
    values = _plain(array)
    if not pa.types.is_fixed_size_binary(values.type) and not pa.types.is_binary(values.type):
        return values.cast(_TEXT)
    validity, offsets, data = (values := values.cast(pa.binary())).buffers()
    return pa.StringArray.from_buffers(len(values), offsets, data, validity, values.null_count, values.offset)


def _fixed_text(array: pa.Array) -> pa.Array:
    """Return texts without the zero bytes at their end."""
    return pc.ascii_rtrim(_text(array), "\0")


def _large_integer(*, signed: bool) -> Conversion:
    def text(value: bytes | None) -> str | None:
        return None if value is None else str(int.from_bytes(value, "little", signed=signed))

    return Conversion(_TEXT, lambda array: pa.array([text(value) for value in array.to_pylist()], _TEXT))


def _ipv4(array: pa.Array) -> pa.Array:
    numbers = array.cast(pa.uint32())
    parts = [
        pc.bit_wise_and(pc.shift_right(numbers, pa.scalar(bits, pa.uint32())), pa.scalar(255, pa.uint32()))
        for bits in (24, 16, 8, 0)
    ]
    return pc.binary_join_element_wise(*(part.cast(_TEXT) for part in parts), ".")


def _ipv6(array: pa.Array) -> pa.Array:
    encoded = array.cast(pa.binary()).dictionary_encode()
    return pa.array(map(_ipv6_text, encoded.dictionary.to_pylist()), _TEXT).take(encoded.indices)


def _ipv6_text(value: bytes) -> str:
    address = IPv6Address(value)
    return f"::ffff:{address.ipv4_mapped}" if address.ipv4_mapped else str(address)


def _enum(arguments: Sequence[str]) -> Conversion:
    """Return the conversion of the numbers of an enumeration to its labels."""
    labels = {}
    for argument in arguments:
        if match := _LABEL.match(argument):
            labels[int(match["number"])] = _ESCAPED.sub(lambda found: found[1] or "'", match["label"])
    numbers, texts = pa.array(labels, pa.int16()), pa.array(labels.values(), _TEXT)

    def convert(array: pa.Array) -> pa.Array:
        plain = _plain(array)
        if not pa.types.is_integer(plain.type):
            return plain.cast(_TEXT)
        return texts.take(pc.index_in(plain.cast(pa.int16()), numbers))

    return Conversion(_TEXT, convert)


def _array(arguments: Sequence[str]) -> Conversion:
    values = type_conversion(arguments[0])
    return list_conversion(pa.list_(values.kind), Conversion(values.kind, values))


def _map(arguments: Sequence[str]) -> Conversion:
    keys, items = map(type_conversion, arguments)

    def convert(array: pa.Array) -> pa.Array:
        return pa.MapArray.from_arrays(array.offsets, keys(array.keys), items(array.items))

    return Conversion(pa.map_(keys.kind, items.kind), convert)


def _tuple(arguments: Sequence[str]) -> Conversion:
    names, conversions = [], []
    for number, argument in enumerate(arguments, 1):
        name, separator, kind = argument.partition(" ")
        is_named = bool(separator) and "(" not in name
        names.append(name.strip("`") if is_named else str(number))
        conversions.append(type_conversion(kind if is_named else argument))
    kind = pa.struct(zip(names, (one.kind for one in conversions), strict=True))
    return struct_conversion(kind, [Conversion(one.kind, one) for one in conversions])


_INTEGERS: Mapping[str, pa.DataType] = {
    f"{sign}Int{bits}": getattr(pa, f"{sign.lower()}int{bits}")() for sign in ("", "U") for bits in (8, 16, 32, 64)
}
_BY_ARGUMENTS: Mapping[str, Callable[[Sequence[str]], Conversion]] = {
    "Array": _array,
    "Map": _map,
    "Tuple": _tuple,
    "Nested": lambda arguments: _array([f"Tuple({', '.join(arguments)})"]),
    "Decimal": _decimal,
    "Enum8": _enum,
    "Enum16": _enum,
}
"""Types whose arguments are parts of them."""
_BY_NAME: Mapping[str, Conversion] = {
    **{name: _cast_to(kind) for name, kind in _INTEGERS.items()},
    **{f"Int{bits}": _large_integer(signed=True) for bits in (128, 256)},
    **{f"UInt{bits}": _large_integer(signed=False) for bits in (128, 256)},
    "Float32": _cast_to(pa.float32()),
    "Float64": _cast_to(pa.float64()),
    "Bool": _cast_to(pa.bool_()),
    "String": Conversion(_TEXT, _text),
    "FixedString": Conversion(_TEXT, _fixed_text),
    "Date": Conversion(pa.date32(), _date),
    "Date32": Conversion(pa.date32(), _date),
    "DateTime": Conversion(_UTC, _moment),
    "DateTime64": Conversion(_UTC, _moment),
    "Time": _cast_to(pa.time64("us")),
    "Time64": _cast_to(pa.time64("us")),
    "UUID": Conversion(_TEXT, lambda array: uuid_texts(_plain(array))),
    "IPv4": Conversion(_TEXT, _ipv4),
    "IPv6": Conversion(_TEXT, _ipv6),
    "JSON": Conversion(_TEXT, lambda array: json_texts(_plain(array))),
    "Dynamic": Conversion(_TEXT, lambda array: json_texts(_plain(array))),
    "Nothing": _cast_to(pa.null()),
}
"""Types that are the same with any arguments."""
