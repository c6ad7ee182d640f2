"""A result with every type of BigQuery, as its two interfaces describe and send it."""

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

LARGEST = Decimal("57896044618658097711785492504343953926.34992332820282019728792003956564819967")
_MOMENT, _FIRST, _LAST = (
    datetime.fromisoformat(text) for text in ("2026-11-20T08:00:00.123456", "0001-01-01", "9999-12-31T23:59:59.999999")
)

EVERY_TYPE_FIELDS: list[dict[str, Any]] = [
    {"name": "bignumeric", "type": "BIGNUMERIC"},
    {"name": "numeric", "type": "NUMERIC"},
    {"name": "geography", "type": "GEOGRAPHY"},
    {"name": "json", "type": "JSON"},
    {"name": "bytes", "type": "BYTES"},
    {"name": "time", "type": "TIME"},
    {"name": "datetime", "type": "DATETIME"},
    {"name": "timestamp", "type": "TIMESTAMP"},
    {"name": "emails", "type": "STRING", "mode": "REPEATED"},
    {
        "name": "items",
        "type": "RECORD",
        "mode": "REPEATED",
        "fields": [
            {"name": "id", "type": "INTEGER"},
            {"name": "price", "type": "BIGNUMERIC"},
            {"name": "more", "type": "JSON"},
        ],
    },
    {
        "name": "person",
        "type": "RECORD",
        "fields": [{"name": "name", "type": "STRING"}, {"name": "born", "type": "DATE"}],
    },
    {"name": "interval", "type": "INTERVAL"},
    {"name": "validity", "type": "RANGE", "rangeElementType": {"type": "DATE"}},
]
_ITEM = pa.struct([("id", pa.int64()), ("price", pa.decimal256(76, 38)), ("more", pa.string())])
_RANGE = pa.struct([("start", pa.date32()), ("end", pa.date32())])
_EMAILS = pa.list_(pa.field("element", pa.string(), nullable=False))
_PERSON = pa.struct([("name", pa.string()), ("born", pa.date32())])

EVERY_TYPE = pa.table(
    [
        pa.array([LARGEST, Decimal("1E-38"), Decimal("-12.30"), Decimal(100), None], pa.decimal256(76, 38)),
        pa.array([Decimal("12.3"), Decimal("-0.000000001"), Decimal(10**28), Decimal(0), None], pa.decimal128(38, 9)),
        pa.array(["POINT(8.54 47.37)", None, None, None, None]),
        pa.array(['"jo@example.com"', "null", '{"a": [1, 2]}', "7", None]),
        pa.array([b"\x00\xff", b"", b"a", None, None]),
        pa.array([time(23, 59, 59, 999999), None, None, None, None], pa.time64("us")),
        pa.array([_MOMENT, _FIRST, _LAST, None, None], pa.timestamp("us")),
        pa.array([_MOMENT, _FIRST, None, None, None], pa.timestamp("us", "UTC")),
        pa.array([["jo@example.com", "al@example.com"], [], ["x"], [], []], _EMAILS),
        pa.array([[{"id": 1, "price": Decimal("9.90"), "more": '"a"'}], [], [], [], []], pa.list_(_ITEM)),
        pa.array([{"name": "Zoë", "born": date(1990, 1, 2)}, None, None, None, None], _PERSON),
        pa.array([(1, 2, 3), None, None, None, None], pa.month_day_nano_interval()),
        pa.array([{"start": date(2026, 1, 1), "end": None}, None, None, None, None], _RANGE),
    ],
    names=[field["name"] for field in EVERY_TYPE_FIELDS],
)
