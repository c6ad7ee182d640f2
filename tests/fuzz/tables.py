"""Tables of rows as JSON, `{"column": ["type", [value, ...]], ...}`, so that a corpus can hold them.

Values of types that JSON lacks are written so: bytes as Latin-1 text, decimals as text, times as whole numbers.
"""

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from tests.plain import DIALLED, HARMLESS_AT, HIDDEN, SPACED
from tests.strategies import KINDS as USUAL_KINDS
from tests.strategies import ODD, WHITE

TEXT = pa.string()
UTF8 = "text of any bytes"
"""A column of texts whose bytes need not be UTF-8."""
TYPES: dict[str, pa.DataType] = {
    str(kind): kind
    for kind in (
        TEXT, pa.large_string(), pa.string_view(), pa.binary(), pa.binary(4), pa.bool_(), pa.null(), pa.int8(), pa.int64(), pa.uint64(), pa.float32(),
        pa.float64(), pa.decimal128(38, 10), pa.decimal128(12, 2), pa.date32(), pa.date64(), pa.time32("s"), pa.time64("us"), pa.timestamp("s"),
        pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("us", "UTC"), pa.timestamp("ms", "America/New_York"), pa.duration("us"), pa.month_day_nano_interval(),
        pa.list_(TEXT), pa.large_list(TEXT), pa.list_(pa.float64()), pa.list_(pa.list_(TEXT)), pa.list_(TEXT, 2), pa.dictionary(pa.int32(), TEXT),
        pa.struct([("a", TEXT), ("b", pa.list_(TEXT))]), pa.map_(TEXT, TEXT), pa.map_(TEXT, pa.struct([("n", pa.float64())])), pa.list_(pa.struct([("t", TEXT)])),
    )
}  # fmt: skip
ROWS = 120
NAMES = (
    "timestamp",
    *USUAL_KINDS,
    "lead_event_source",
    "first_name",
    "last_name",
    "city",
    "note",
    "tags",
    "idfa",
    "maid",
    "maid_type",
    "phone_region",
)


def table_of(content: bytes) -> pa.Table | None:
    """Make the table; None where the bytes are none."""
    try:
        given = json.loads(content)
        arrays = {name: _array(*column) for name, column in given.items()}
        return pa.table(arrays)
    except (ValueError, TypeError, AttributeError, KeyError, ArithmeticError, pa.ArrowException):
        return None


def _array(kind: str, values: list[Any]) -> pa.Array:
    if kind == UTF8:
        raw = [(value or "").encode("latin-1") for value in values]
        ends = np.cumsum([0, *map(len, raw)]).astype(np.int32)
        return pa.StringArray.from_buffers(len(raw), pa.py_buffer(ends.tobytes()), pa.py_buffer(b"".join(raw)))
    wanted = TYPES[kind]
    if pa.types.is_dictionary(wanted):
        return pa.array(values, TEXT).dictionary_encode()
    if pa.types.is_binary(wanted) or pa.types.is_fixed_size_binary(wanted):
        values = [None if one is None else one.encode("latin-1") for one in values]
    elif pa.types.is_decimal(wanted):
        values = [None if one is None else Decimal(one) for one in values]
    elif pa.types.is_map(wanted):
        values = [None if one is None else [(key, value) for key, value in one] for one in values]
    elif wanted == pa.month_day_nano_interval():
        values = [None if one is None else pa.MonthDayNano(one) for one in values]
    return pa.array(values, wanted)


GLUE = st.one_of(st.just(" "), st.text(st.sampled_from(WHITE + ODD + "\x02\x1f\x85[]{}<>&#;=\"'\\"), max_size=4))
FINDABLE = (*DIALLED, *SPACED, *HIDDEN, *HARMLESS_AT)
TEXTS = st.one_of(
    st.sampled_from(FINDABLE),
    st.builds("{}{}{}".format, GLUE, st.sampled_from(FINDABLE), GLUE),
    st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(WHITE + ODD)), max_size=12),
    st.sampled_from(
        (
            "",
            " ",
            "null",
            "{}",
            '{"a": "jane@example.com"}',
            '["+12125550142"]',
            "[" * 40 + "]" * 40,
            '{"a":1,"a":2}',
            "1e999",
            "9" * 400,
        )
    ),
)
WHOLES = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-2, 2), st.integers(1_699_000_000, 1_700_000_000))


def values_of(kind: str) -> st.SearchStrategy[Any]:
    """Draw a value as JSON has it."""
    if kind == UTF8:
        return st.one_of(
            TEXTS.map(lambda text: text.encode().decode("latin-1")),
            st.binary(max_size=6).map(lambda raw: raw.decode("latin-1")),
        )
    return st.one_of(st.none(), _typed(TYPES[kind]), _typed(TYPES[kind]), _typed(TYPES[kind]))


def _typed(kind: pa.DataType) -> st.SearchStrategy[Any]:
    if (
        pa.types.is_dictionary(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or kind == pa.string_view()
    ):
        return TEXTS
    if pa.types.is_fixed_size_binary(kind):
        return st.binary(min_size=4, max_size=4).map(lambda raw: raw.decode("latin-1"))
    if pa.types.is_binary(kind):
        return st.binary(max_size=6).map(lambda raw: raw.decode("latin-1"))
    if pa.types.is_boolean(kind):
        return st.booleans()
    if pa.types.is_null(kind):
        return st.none()
    if pa.types.is_floating(kind):
        return st.floats(width=32 if kind == pa.float32() else 64)
    if pa.types.is_decimal(kind):
        largest = 10 ** (kind.precision - kind.scale) - 1
        return st.decimals(-largest, largest, places=kind.scale).map(str)
    if pa.types.is_fixed_size_list(kind):
        return st.lists(_typed(kind.value_type), min_size=2, max_size=2)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return st.lists(st.one_of(st.none(), _typed(kind.value_type)), max_size=3)
    if pa.types.is_struct(kind):
        return st.fixed_dictionaries({field.name: st.one_of(st.none(), _typed(field.type)) for field in kind})
    if pa.types.is_map(kind):
        return st.lists(st.tuples(_typed(kind.key_type), st.one_of(st.none(), _typed(kind.item_type))), max_size=3)
    if kind == pa.month_day_nano_interval():
        return st.tuples(st.integers(-9, 9), st.integers(-99, 99), st.integers(-(10**18), 10**18))
    return _whole(kind)


def _whole(kind: pa.DataType) -> st.SearchStrategy[int]:
    bits = {pa.int8(): 8, pa.date32(): 32, pa.time32("s"): 32}.get(kind, 64)
    unsigned = kind == pa.uint64()
    low, high = (0, 2**64 - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if kind == pa.date64():
        return st.integers(-(10**8), 10**8).map(lambda days: days * 86_400_000)
    return st.one_of(st.integers(low, high), WHOLES.filter(lambda one: low <= one <= high))


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """Draw a table: what an event needs as it usually is, and some columns of any name, type and values.

    To compile a transform takes longer than to run it over many rows, so each value stands beside many others.
    """
    usual: dict[str, tuple[str, list[Any]]] = {
        "timestamp": ("int64", [1_700_000_000] * ROWS),
        "event": ("string", ["Purchase"] * ROWS),
        "event_id": ("string", [f"e{number}" for number in range(ROWS)]),
        "email": ("string", [f"jo{number}@example.org" for number in range(ROWS)]),
    }
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True)):
        kind = draw(st.sampled_from((UTF8, *sorted(TYPES))))
        pool, step = draw(st.lists(values_of(kind), min_size=1, max_size=24)), draw(st.integers(1, ROWS))
        usual[name] = (kind, [pool[number * step // 7 % len(pool)] for number in range(ROWS)])
    return json.dumps(usual).encode()
