"""The names of ClickHouse's types are read, and arrays of older servers become the same values."""

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from connector.sources.clickhouse_types import TypeName, parse_type, type_conversion

NAMES = {
    "String": ("String", ()),
    "Nullable(String)": ("String", ()),
    "LowCardinality(Nullable(FixedString(3)))": ("FixedString", ("3",)),
    "DateTime64(6, 'Europe/Paris')": ("DateTime64", ("6", "'Europe/Paris'")),
    "SimpleAggregateFunction(sum, Nullable(Decimal(38, 4)))": ("Decimal", ("38", "4")),
    "Map(String, Array(Tuple(a Int8, b String)))": ("Map", ("String", "Array(Tuple(a Int8, b String))")),
    "Enum8('a, (' = 1, 'it\\'s' = -2)": ("Enum8", ("'a, (' = 1", "'it\\'s' = -2")),
    "Tuple(\n    a Int8,\n    `b, c` String)": ("Tuple", ("a Int8", "`b, c` String")),
}  # fmt: skip


@pytest.mark.parametrize("text", NAMES)
def test_the_name_of_a_type_is_parsed(text: str) -> None:
    name, arguments = NAMES[text]
    assert parse_type(text) == TypeName(name, list(arguments) if arguments else ())


MOMENT = datetime(2026, 11, 20, 10, tzinfo=UTC)
ARRAYS: dict[str, tuple[pa.Array, pa.DataType, list[Any]]] = {
    "Date": (pa.array([20_777, None], pa.uint16()), pa.date32(), [date(2026, 11, 20), None]),
    "DateTime": (pa.array([1_795_168_800, None], pa.uint32()), pa.timestamp("us", "UTC"), [MOMENT, None]),
    "DateTime('Asia/Tokyo')": (pa.array([MOMENT], pa.timestamp("s", "Asia/Tokyo")), pa.timestamp("us", "UTC"), [MOMENT]),
    "DateTime64(9)": (pa.array([MOMENT], pa.timestamp("ns", "UTC")), pa.timestamp("us", "UTC"), [MOMENT]),
    "String": (pa.array([b"Zo\xc3\xab", None]), pa.string(), ["Zoë", None]),
    "LowCardinality(String)": (pa.array(["a", "a", None]).dictionary_encode(), pa.string(), ["a", "a", None]),
    "FixedString(5)": (pa.array([b"EUR\0\0", None], pa.binary(5)), pa.string(), ["EUR", None]),
    "Enum8('a' = 1, 'b' = -2)": (pa.array([-2, 1, None], pa.int8()), pa.string(), ["b", "a", None]),
    "Enum16('a' = 1)": (pa.array(["a", None]), pa.string(), ["a", None]),
    "Decimal(76, 2)": (pa.array(["1.50"]).cast(pa.decimal256(76, 2)), pa.string(), ["1.50"]),
    "Int128": (pa.array([(-5).to_bytes(16, "little", signed=True), None], pa.binary(16)), pa.string(), ["-5", None]),
    "UInt256": (pa.array([(2**256 - 1).to_bytes(32, "little")], pa.binary(32)), pa.string(), [str(2**256 - 1)]),
    "IPv4": (pa.array([0x01020304, 0xFFFFFFFF, None], pa.uint32()), pa.string(), ["1.2.3.4", "255.255.255.255", None]),
    "IPv6": (
        pa.array([bytes(15) + b"\1", bytes(10) + b"\xff\xff\1\2\3\4", None], pa.binary(16)),
        pa.string(),
        ["::1", "::ffff:1.2.3.4", None],
    ),
    "Variant(Int8, String)": (pa.array([1, 2], pa.int8()), pa.binary(), [None, None]),
    "Nullable(Nothing)": (pa.nulls(2), pa.null(), [None, None]),
    "Array(DateTime)": (pa.array([[1_795_168_800], []], pa.list_(pa.uint32())), pa.list_(pa.timestamp("us", "UTC")), [[MOMENT], []]),
    "Array(Array(Enum8('a' = 1)))": (
        pa.array([[[1], None], None], pa.list_(pa.list_(pa.int8()))),
        pa.list_(pa.list_(pa.string())),
        [[["a"], None], None],
    ),
    "Map(String, DateTime)": (
        pa.array([[("k", 1_795_168_800)], []], pa.map_(pa.string(), pa.uint32())),
        pa.map_(pa.string(), pa.timestamp("us", "UTC")),
        [[("k", MOMENT)], []],
    ),
    "Tuple(UInt8, String)": (
        pa.array([{"1": 1, "2": "a"}], pa.struct([pa.field("1", pa.uint8(), nullable=False), pa.field("2", pa.string())])),
        pa.struct([("1", pa.uint8()), ("2", pa.string())]),
        [{"1": 1, "2": "a"}],
    ),
    "Nested(a Int8, b Enum8('x' = 1))": (
        pa.array([[{"a": 1, "b": 1}]], pa.list_(pa.struct([("a", pa.int8()), ("b", pa.int8())]))),
        pa.list_(pa.struct([("a", pa.int8()), ("b", pa.string())])),
        [[{"a": 1, "b": "x"}]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ARRAYS)
def test_an_array_becomes_plain_values(kind: str) -> None:
    array, expected, values = ARRAYS[kind]
    conversion = type_conversion(kind)
    for part, wanted in ((array, values), (array.slice(1), values[1:])):
        found = conversion(part)
        found.validate(full=True)
        assert (conversion.kind, found.type, found.to_pylist()) == (expected, expected, wanted)


@pytest.mark.parametrize("kind", ["String", "FixedString(3)"])
def test_bytes_that_are_no_text_stay_for_the_transform_to_replace(kind: str) -> None:
    array = type_conversion(kind)(pa.array([b"\xffab"], pa.binary() if kind == "String" else pa.binary(3)))
    assert (array.type, array.cast(pa.binary()).to_pylist()) == (pa.string(), [b"\xffab"])
