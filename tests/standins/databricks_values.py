"""A result with every type of Databricks, as its driver receives it."""

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa

_MOMENT = datetime.fromisoformat("2026-11-20T08:00:00.123456")
_NAME = "Spark:DataType:SqlName"
_ITEM = pa.struct([("id", pa.int64()), ("price", pa.decimal128(10, 2)), ("at", pa.timestamp("us", "Europe/Zurich"))])
_COLUMNS = {
    "tiny": pa.array([-128, None], pa.int8()),
    "float": pa.array([1.5, None], pa.float32()),
    "decimal": pa.array([Decimal("1234567890123456789012345678.0123456789"), None], pa.decimal128(38, 10)),
    "binary": pa.array([b"\x00\xff", None]),
    "date": pa.array([date(2026, 11, 20), None]),
    "timestamp": pa.array([_MOMENT, None], pa.timestamp("us", "Europe/Zurich")),
    "ntz": pa.array([_MOMENT, None], pa.timestamp("us")),
    "variant": pa.array(['"jo@example.com"', '{"a":[1,2]}']),
    "emails": pa.array([["jo@example.com"], None]),
    "amounts": pa.array([[("a", Decimal("9.90"))], None], pa.map_(pa.string(), pa.decimal128(10, 2))),
    "items": pa.array([[{"id": 1, "price": Decimal("9.90"), "at": _MOMENT}], None], pa.list_(_ITEM)),
    "interval": pa.array(["2 00:00:00.000000000", None]),
    "nothing": pa.nulls(2),
}
EVERY_TYPE = pa.table(
    list(_COLUMNS.values()),
    schema=pa.schema([pa.field(name, array.type, metadata={_NAME: name.upper()}) for name, array in _COLUMNS.items()]),
)
