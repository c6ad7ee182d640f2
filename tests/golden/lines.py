"""Line items: identical rows, two currencies, negative lines, and results that have no lines."""

from decimal import Decimal

import pyarrow as pa

from tests.golden.case import DROP, NOW, TEXT, Case, refused, settings, several

FLOAT = pa.float64()
DROPPED, REJECTED = settings(identical_rows="drop"), settings(identical_rows="reject")

CASES: list[Case] = [
    several(
        "identical rows of an event are sent, and told",
        3,
        {"content_id": ["A", "A", "A"], "value": ["12.74"] * 3},
        [{"properties": {"contents": [{"content_id": "A"}] * 3, "value": Decimal("38.22")}}],
        warnings={"identical_rows": 2},
        identical_value={"USD": Decimal("25.48")},
    ),
    several(
        "identical rows that are dropped are duplicates",
        4,
        {"content_id": ["A", "A", "B", "A"], "value": ["1", "1", "2", "1"]},
        [{"properties": {"contents": [{"content_id": "A"}, {"content_id": "B"}], "value": 3}}],
        settings=DROPPED,
        skipped={2: "duplicate", 4: "duplicate"},
        rows=[[1, 3]],
    ),
    several(
        "identical rows reject their event and no other",
        4,
        {"event_id": ["e1", "e1", "e2", "e2"], "content_id": ["A", "A", "A", "B"]},
        [{"event_id": "e2", "properties": {"contents": [{"content_id": "A"}, {"content_id": "B"}]}}],
        settings=REJECTED,
        rejected={1: "identical_rows", 2: "identical_rows"},
    ),
    several(
        "rows that differ in one mapped column are not identical",
        3,
        {"content_id": ["A", "A", "A"], "description": (TEXT, [None, "x", "y"]), "value": ["1", "1", "1"]},
        [{"properties": {"contents": [{"content_id": "A"}] * 3, "value": 3}}],
        settings=REJECTED,
        warnings={"conflicting_rows": 2},
    ),
    several(
        "rows that differ in a column that is not mapped are identical",
        2,
        {"content_id": ["A", "A"], "line": ["1", "2"]},
        [{"properties": {"contents": [{"content_id": "A"}] * 2}}],
        warnings={"identical_rows": 1},
    ),
    several(
        "white space at the ends makes no difference, nor does a blank for nothing",
        2,
        {"content_id": ["A", " A "], "brand": (TEXT, [" ", None])},
        [{"properties": {"contents": [{"content_id": "A"}] * 2}}],
        warnings={"identical_rows": 1},
    ),
    several(
        "identical rows of two events are not identical",
        2,
        {"event_id": ["e1", "e2"], "content_id": ["A", "A"]},
        [{"event_id": name, "properties": {"contents": [{"content_id": "A"}]}} for name in ("e1", "e2")],
        settings=DROPPED,
    ),
    several(
        "an event in two currencies is rejected whole",
        3,
        {"event_id": ["e1", "e1", "e2"], "value": [10, 1000, 1], "currency": (TEXT, ["USD", "JPY", "JPY"])},
        [{"event_id": "e2", "properties": {"currency": "JPY", "value": 1}}],
        rejected={1: "conflicting_currency", 2: "conflicting_currency"},
    ),
    several(
        "a blank currency is US dollars, beside another too",
        2,
        {"value": [10, 5], "currency": (TEXT, ["EUR", None])},
        [],
        rejected={1: "conflicting_currency", 2: "conflicting_currency"},
    ),
    several(
        "one currency in two cases is one",
        2,
        {"value": [10, 5], "currency": ["eur", " EUR "]},
        [{"properties": {"currency": "EUR", "value": 15}}],
    ),
    several(
        "a coupon reduces the value and is no content",
        3,
        {
            "content_id": ["A", "coupon", "B"],
            "price": (FLOAT, [20, -5, 10]),
            "quantity": (FLOAT, [1, 1, 2]),
        },
        [
            {
                "properties": {
                    "contents": [
                        {"content_id": "A", "price": 20, "quantity": 1},
                        {"content_id": "B", "price": 10, "quantity": 2},
                    ],
                    "value": 35,
                }
            }
        ],
    ),
    several(
        "a return is a line of negative quantity",
        2,
        {"content_id": ["A", "A"], "price": (FLOAT, [20, 20]), "quantity": (FLOAT, [2, -1])},
        [{"properties": {"contents": [{"content_id": "A", "price": 20, "quantity": 2}], "value": 20}}],
    ),
    several(
        "a return with two minus signs is a return",
        2,
        {"content_id": ["A", "B"], "price": (FLOAT, [10, -5]), "quantity": (FLOAT, [2, -1])},
        [{"properties": {"contents": [{"content_id": "A", "price": 10, "quantity": 2}], "value": 15}}],
    ),
    several(
        "a negative quantity takes a value off that is written without a sign",
        2,
        {"content_id": ["A", "B"], "quantity": (FLOAT, [1, -3]), "value": ["20", "9"]},
        [{"properties": {"contents": [{"content_id": "A", "quantity": 1}], "value": 11}}],
    ),
    several(
        "numbers are alike by their value",
        3,
        {"content_id": ["A", "A", "A"], "value": ["1.0", "1.00", " 1"]},
        [{"properties": {"contents": [{"content_id": "A"}], "value": 1}}],
        settings=DROPPED,
        skipped={2: "duplicate", 3: "duplicate"},
    ),
    several(
        "a discount may come as a value",
        2,
        {"content_id": ["discount", "A"], "value": ["-2.50", "10"]},
        [{"properties": {"contents": [{"content_id": "A"}], "value": Decimal("7.5")}}],
    ),
    several(
        "an event of negative value is rejected whole",
        3,
        {"event_id": ["e1", "e1", "e2"], "value": ["1", "-1.000001", "3"]},
        [{"event_id": "e2", "properties": {"value": 3}}],
        rejected={1: "invalid_amount", 2: "invalid_amount"},
    ),
    several(
        "two currencies come before a negative value",
        2,
        {"value": ["1", "-2"], "currency": (TEXT, ["USD", "EUR"])},
        [],
        rejected={1: "conflicting_currency", 2: "conflicting_currency"},
    ),
    several(
        "a negative value comes before identical rows",
        2,
        {"value": ["-1", "-1"], "content_id": ["A", "A"]},
        [],
        settings=REJECTED,
        rejected={1: "invalid_amount", 2: "invalid_amount"},
    ),
    several(
        "an event that comes to nothing is sent",
        2,
        {"value": ["1.5", "-1.5"], "content_id": ["A", "A"]},
        [{"properties": {"contents": [{"content_id": "A"}], "value": 0}}],
    ),
    several(
        "a negative line rejects its event where the orchestration says so",
        2,
        {"value": ["10", "-1"]},
        [],
        settings=settings(negative_lines="reject"),
        rejected={1: "incomplete_event", 2: "invalid_amount"},
    ),
    refused(
        "a negative row that is an event is no amount",
        {"event_id": DROP, "value": "-1"},
        "invalid_amount",
    ),
    refused("a huge negative price is no amount", {"price": "-100000000000000", "quantity": "1"}, "invalid_amount"),
    several(
        "without event, order and content id each row is an event, whose id includes its amount",
        3,
        {"event_id": DROP, "value": ["10", "5.50", None]},
        [
            {"event_id": "7537b9717803882c270db560abd2decc60a1", "properties": {"value": 10}},
            {"event_id": "fceccb1b8eeddb56451036e8ad3b9d793a16", "properties": {"value": Decimal("5.5")}},
            {"event_id": "f30d7b4aea33c100e00da4a9b31f4127b562"},
        ],
        rows=[[1], [2], [3]],
    ),
    several(
        "there an identical row is a duplicate, as is one that differs in what the id does not include",
        3,
        {"event_id": DROP, "value": ["10", "10.00", "10"], "description": (TEXT, [None, None, "x"])},
        [{"event_id": "7537b9717803882c270db560abd2decc60a1", "properties": {"value": 10}}],
        skipped={2: "duplicate", 3: "duplicate"},
    ),
    several(
        "the lines of an order are one event, whoever they name and whenever on that day they were scanned",
        3,
        {
            "event_id": DROP,
            "order_id": ["o-1"] * 3,
            "email": (TEXT, ["jane@example.com", None, "jane@example.com"]),
            "phone": (TEXT, [None, "2065550100", "2065550100"]),
            "timestamp": [NOW, NOW - 60, NOW],
            "value": [1, 2, 4],
        },
        [
            {
                "event_id": "03fa87da823dae8154f327e671828c8beff7",
                "properties": {"order_id": "o-1", "value": 7},
            }
        ],
        warnings={"conflicting_rows": 2},
    ),
    several(
        "receipt numbers that restart in every shop are orders of their own",
        2,
        {"event_id": DROP, "order_id": ["o-1"] * 2, "shop_id": ["s1", "s2"]},
        [
            {
                "event_id": "7dc6bfd51d427d5e179e6bda0a9c90e14a3b",
                "properties": {"order_id": "o-1", "shop_id": "s1"},
            },
            {
                "event_id": "eb6629769755e03324633590f7954337c328",
                "properties": {"order_id": "o-1", "shop_id": "s2"},
            },
        ],
    ),
    several(
        "the day of an order is that of the destination's time zone",
        1,
        {"event_id": DROP, "order_id": ["o-1"]},
        [{"event_id": "fa999f57e7dab5b41b68e6d2973073e4ada8", "properties": {"order_id": "o-1"}}],
        settings=settings(timezone="Asia/Tokyo"),
    ),
    several(
        "a constant order id tells no orders apart",
        2,
        {"event_id": DROP, "value": ["10", "5.50"]},
        [
            {
                "event_id": "7537b9717803882c270db560abd2decc60a1",
                "properties": {"order_id": "same", "value": 10},
            },
            {
                "event_id": "fceccb1b8eeddb56451036e8ad3b9d793a16",
                "properties": {"order_id": "same", "value": Decimal("5.5")},
            },
        ],
        mapping={"order_id": {"value": "same"}},
        extends=True,
    ),
    several(
        "a line without quantity beside complete ones is told",
        3,
        {
            "content_id": ["A", "B", "C"],
            "price": (FLOAT, [1, 2, None]),
            "quantity": (FLOAT, [1, None, 3]),
        },
        [
            {
                "properties": {
                    "contents": [
                        {"content_id": "A", "price": 1, "quantity": 1},
                        {"content_id": "B", "price": 2},
                        {"content_id": "C", "quantity": 3},
                    ],
                    "value": 1,
                }
            }
        ],
        warnings={"incomplete_amount": 2},
    ),
    several(
        "lines of which none is complete are told",
        3,
        {"content_id": ["A", "B", "C"], "price": (FLOAT, [1, 2, None]), "value": (FLOAT, [None, 3, None])},
        [
            {
                "properties": {
                    "contents": [
                        {"content_id": "A", "price": 1},
                        {"content_id": "B", "price": 2},
                        {"content_id": "C"},
                    ],
                    "value": 3,
                }
            }
        ],
        warnings={"incomplete_amount": 1},
    ),
]
