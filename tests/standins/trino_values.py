"""A result with every type of Trino, as its coordinator describes and sends it."""

from typing import Any

EVERY_TYPE: dict[str, tuple[str, list[Any]]] = {
    "tiny": ("tinyint", [-128, None]),
    "small": ("smallint", [32767, None]),
    "int": ("integer", [2147483647, None]),
    "real": ("real", [1.5, "NaN"]),
    "double": ("double", ["Infinity", 0.1]),
    "decimal": ("decimal(38,10)", ["1234567890123456789012345678.0123456789", None]),
    "char": ("char(5)", ["ab   ", None]),
    "varbinary": ("varbinary", ["AP8=", None]),
    "json": ("json", ['"jo@example.com"', '{"a": [1, 2]}']),
    "uuid": ("uuid", ["12151fd2-7586-11e9-8f9e-2a86e4085a59", None]),
    "ip": ("ipaddress", ["2001:db8::1", None]),
    "time": ("time(12)", ["23:59:59.999999999999", None]),
    "plain": ("timestamp(12)", ["2026-11-20 10:00:00.123456789012", "0001-01-01 00:00:00.000000000000"]),
    "seconds": ("timestamp(0)", ["2026-11-20 10:00:00", None]),
    "zoned": ("timestamp(3) with time zone", ["2026-11-20 10:00:00.123 Europe/Zurich", "2026-11-20 10:00:00.000 UTC"]),
    "offset": ("timestamp(9) with time zone", ["2026-11-20 10:00:00.123456789 +02:00", None]),
    "interval": ("interval day to second", ["2 00:00:00.000", None]),
    "emails": ("array(varchar(100))", [["jo@example.com", "al@example.com"], []]),
    "amounts": ("map(varchar, decimal(10,2))", [{"a": "9.90"}, None]),
    "items": (
        'array(row(id bigint, "a b" timestamp(3), name varchar))',
        [[[1, "2026-11-20 10:00:00.000", "Zoë"]], None],
    ),
    "person": ("row(name varchar, born date)", [["Zoë", "1990-01-02"], None]),
}
