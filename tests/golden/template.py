"""Data templates, column names, properties and JSON text."""

# ruff: noqa: DTZ001 - columns without a zone are what is under test

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa

from tests.golden.case import (
    DROP,
    FLOAT,
    JANE,
    JOHN,
    NOW,
    OFFLINE_EVENT,
    PHONE,
    SET_ID,
    TEXT,
    TEXTS,
    WHOLE,
    Case,
    merged,
    offline,
    settings,
    several,
)


def further(name: str, column: object, value: object) -> Case:
    """One further property, from a column of its own."""
    change = {"properties": {"x": value}}
    return offline(name, {"x": column}, change, mapping={"properties.x": "x"}, extends=True)


MINIMAL = {"event": "event", "timestamp": "timestamp", "event_id": "event_id", "email": "email"}

CASES: list[Case] = [
    offline(
        "column names in capitals",
        {
            "event": DROP,
            "email": DROP,
            "timestamp": DROP,
            "EVENT": "Purchase",
            "Email": "jane@example.com",
            "TimeStamp": NOW,
        },
    ),
    offline("columns of no parameter are left out", {"loyalty_tier": "gold", "properties.x": 1}),
    offline(
        "a template takes a column of another name",
        {"email": DROP, "mail": "jane@example.com"},
        mapping=MINIMAL | {"email": "mail"},
    ),
    offline(
        "a template's column matches in any case",
        {"email": DROP, "MAIL": "jane@example.com"},
        mapping=MINIMAL | {"email": "mail"},
    ),
    offline(
        "what a template does not name is not taken",
        {"order_id": "o-1", "phone": "2065550100"},
        mapping=MINIMAL,
    ),
    offline(
        "several columns of one parameter, in the template's order",
        {
            "email": DROP,
            "email_1": "jane@example.com",
            "email_2": (TEXT, [None]),
            "email_3": "john@example.com",
        },
        {"user": {"email": [JOHN, JANE]}},
        mapping=MINIMAL | {"email": ["email_3", "email_2", "email_1"]},
    ),
    offline(
        "several columns of lists",
        {
            "email": DROP,
            "a": (TEXTS, [["jane@example.com", "x"]]),
            "b": (TEXTS, [["john@example.com", "jane@example.com"]]),
        },
        {"user": {"email": [JANE, JOHN]}},
        mapping=MINIMAL | {"email": ["a", "b"]},
        warnings={"invalid_email": 1},
    ),
    offline("a constant", {"event": DROP}, {"event": "Lead"}, mapping=MINIMAL | {"event": {"value": "Lead"}}),
    offline(
        "a constant outweighs a column of that name",
        {},
        {"event": "Lead"},
        mapping=MINIMAL | {"event": {"value": "Lead"}},
    ),
    offline(
        "constants are treated as a column's values are",
        {},
        {"properties": {"currency": "EUR", "contents": [{"content_id": "7", "quantity": 1}]}},
        mapping=MINIMAL | {"currency": {"value": " eur "}, "content_id": {"value": 7}, "quantity": {"value": 1}},
    ),
    several(
        "a constant event source id",
        1,
        {},
        [{}],
        mapping=MINIMAL | {"event_source_id": {"value": "42"}},
        routes=[("offline", "42")],
    ),
    offline(
        "a timestamp with a time zone of its own",
        {"timestamp": DROP, "at": "2023-11-10 12:00:00"},
        {"event_time": 1_699_635_600},
        mapping=MINIMAL | {"timestamp": {"column": "at", "timezone": "America/New_York"}},
        settings=settings(timezone="Asia/Tokyo"),
    ),
    offline(
        "an offset outweighs the template's zone",
        {"timestamp": DROP, "at": "2023-11-10T12:00:00Z"},
        {"event_time": 1_699_617_600},
        mapping=MINIMAL | {"timestamp": {"column": "at", "timezone": "America/New_York"}},
    ),
    several(
        "the given value first",
        3,
        {"price": (FLOAT, [2, 2, 2]), "quantity": (FLOAT, [3, 3, None]), "total": (FLOAT, [5, None, None])},
        [
            {
                "properties": {
                    "contents": [{"price": 2, "quantity": 3}, {"price": 2, "quantity": 3}, {"price": 2}],
                    "value": 11,
                }
            }
        ],
        mapping={"value": {"column": "total", "first": True}},
        extends=True,
        warnings={"incomplete_amount": 1},
    ),
    offline(
        "a value of another column, not first",
        {"price": 2, "quantity": 3, "total": 5},
        {"properties": {"contents": [{"price": 2, "quantity": 3}], "value": 6}},
        mapping={"value": "total"},
        extends=True,
    ),
    Case(
        "a file of conversions",
        {
            "transaction_timestamp": (TEXT, ["2023-11-10 12:00:00", "2023-11-10 12:00:00"]),
            "email_1": (TEXT, ["jane@example.com", None]),
            "email_2": (TEXT, ["JOHN@example.com", ""]),
            "email_3": (pa.null(), [None, None]),
            "phone_1": (TEXT, [None, "(206) 555-0100"]),
            "phone_2": (TEXT, [None, None]),
            "transaction_amount": (TEXT, ["12.50", "7"]),
            "store_code": (WHOLE, [17, 18]),
            "transaction_category": (TEXT, [" toys ", None]),
        },
        mapping={
            "email": ["email_1", "email_2", "email_3"],
            "phone": ["phone_1", "phone_2"],
            "event": {"value": "CompletePayment"},
            "event_id": {"value": "e1"},
            "timestamp": {"column": "transaction_timestamp", "timezone": "America/New_York"},
            "value": "transaction_amount",
            "shop_id": "store_code",
            "properties.transaction_category": "transaction_category",
        },
        settings=settings(line_items=False),
        events=[
            merged(
                OFFLINE_EVENT,
                {
                    "event": "CompletePayment",
                    "event_time": 1_699_635_600,
                    "user": {"email": [JANE, JOHN]},
                    "properties": {"shop_id": "17", "transaction_category": "toys", "value": Decimal("12.5")},
                },
            )
        ],
        skipped={2: "duplicate"},
        warnings={"legacy_event_name": 2},
        routes=[("offline", SET_ID)],
    ),
    further("a further property of text is stripped", " gold\u3000", "gold"),
    further("a blank further property is absent", "  ", DROP),
    further("a null further property is absent", (TEXT, [None]), DROP),
    further("a further property of a whole number", 7, 7),
    further("a further property of 19 digits", 9007199254740993123, 9007199254740993123),
    further("a further property of a float", 0.1, Decimal("0.1")),
    further("a further property of a float without fraction", 7.0, 7),
    further("a further property of a decimal", (pa.decimal128(10, 3), [Decimal("7.500")]), Decimal("7.5")),
    further("a further property of a boolean", False, False),
    further("a further property of a date", (pa.date32(), [date(2023, 11, 10)]), "2023-11-10"),
    further(
        "a further property of a timestamp",
        (pa.timestamp("us"), [datetime(2023, 11, 10, 12, 30)]),
        "2023-11-10T12:30:00",
    ),
    further("a further property of digits in text stays text", "007", "007"),
    further("a further property of a list", (pa.list_(TEXT), [["b", "a", None]]), ["b", "a", None]),
    further("a further property of a list of numbers", (pa.list_(WHOLE), [[3, 1]]), [3, 1]),
    further(
        "a further property of a struct",
        (pa.struct([("b", WHOLE), ("a", TEXT)]), [{"b": 1, "a": "x"}]),
        {"b": 1, "a": "x"},
    ),
    offline(
        "further properties stand in the template's order before contents",
        {"b": "1", "a": 2, "content_id": "A", "value": 3},
        {"properties": {"b": "1", "a": 2, "contents": [{"content_id": "A"}], "value": 3, "k": True}},
        mapping={"properties.b": "b", "properties.k": {"value": True}, "properties.a": "a"},
        extends=True,
        texts=[
            '{"event":"Purchase","event_time":1700000000,"event_id":"e1",'
            '"user":{"email":"8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"},'
            '"properties":{"content_type":"product","currency":"USD","b":"1","k":true,"a":2,'
            '"contents":[{"content_id":"A"}],"value":3}}'
        ],
    ),
    several(
        "further properties that differ are a conflict",
        2,
        {"x": [1, 2]},
        [{"properties": {"x": 1}}],
        mapping={"properties.x": "x"},
        extends=True,
        warnings={"conflicting_rows": 1},
    ),
    offline(
        "a property's name may hold anything",
        {"x": "1"},
        {"properties": {'a "quoted" näme.with dots': "1"}},
        mapping={'properties.a "quoted" näme.with dots': "x"},
        extends=True,
    ),
    offline(
        "text in JSON: only quotes, backslashes and control characters are escaped",
        {"description": 'a"b\\c/d\x00\x01\x08\t\n\x0c\r\x1b\x7f\x85é\u2028€😀<'},
        {"properties": {"description": 'a"b\\c/d\x00\x01\x08\t\n\x0c\r\x1b\x7f\x85é\u2028€😀<'}},
        texts=[
            '{"event":"Purchase","event_time":1700000000,"event_id":"e1",'
            '"user":{"email":"8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"},'
            '"properties":{"content_type":"product","currency":"USD","description":"a\\"b\\\\c/d'
            '\\u0000\\u0001\\b\\t\\n\\f\\r\\u001b\x7f\x85é\u2028€😀<"}}'
        ],
    ),
    offline(
        "order and shop as numbers are text",
        {"order_id": 1001.0, "shop_id": 17},
        {"properties": {"order_id": "1001", "shop_id": "17"}},
    ),
    offline(
        "an order id of a date is ISO text",
        {"order_id": (pa.date32(), [date(2023, 11, 10)])},
        {"properties": {"order_id": "2023-11-10"}},
    ),
    offline(
        "a description of a timestamp is ISO text",
        {"description": (pa.timestamp("us"), [datetime(2023, 11, 10, 12, 0)])},
        {"properties": {"description": "2023-11-10T12:00:00"}},
    ),
    offline(
        "content_type as given",
        {"content_type": " product_group "},
        {"properties": {"content_type": "product_group"}},
    ),
    offline("a blank content_type is product", {"content_type": ""}),
    offline("blank texts are absent", {"order_id": " ", "shop_id": "\t", "description": "\u2003"}),
    several(
        "a thousand rows and one event stay in order",
        1000,
        {"content_id": [f"A{number}" for number in range(1000)], "value": [0.1] * 1000},
        [
            {
                "properties": {
                    "contents": [{"content_id": f"A{number}"} for number in range(1000)],
                    "value": 100,
                }
            }
        ],
    ),
    offline(
        "a phone from a template's column",
        {"tel": "2065550100", "mobile": "", "email": (TEXT, [None])},
        {"user": {"email": DROP, "phone": PHONE}},
        mapping=MINIMAL | {"phone": ["tel", "mobile"]},
    ),
    offline(
        "an aware timestamp column",
        {"timestamp": (pa.timestamp("ms", tz="UTC"), [datetime(2023, 11, 10, 12, tzinfo=UTC)])},
        {"event_time": 1_699_617_600},
    ),
]
