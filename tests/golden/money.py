"""Price, quantity, value, currency and contents."""

from decimal import Decimal

import pyarrow as pa

from tests.golden.case import DROP, FLOAT, TEXT, Case, offline, refused, several

HALF_UP = {"1.0000005": "1.000001", "1.0000004999": "1", "0.0000005": "0.000001", "2.6749999": "2.67500"}


def value(number: int | str) -> dict[str, object]:
    return {"properties": {"value": Decimal(number)}}


def priced(price: int | str, quantity: int | str, amount: int | str) -> dict[str, object]:
    content = {"price": Decimal(price), "quantity": Decimal(quantity)}
    return {"properties": {"contents": [content], "value": Decimal(amount)}}


def exactly(properties: str) -> str:
    """The bytes of the event that most cases change, with these properties after the currency."""
    user = '{"email":"8c87b489ce35cf2e2f39f80e282cb2e804932a56a213983eeeb428407d43b52d"}'
    return (
        f'{{"event":"Purchase","event_time":1700000000,"event_id":"e1","user":{user},'
        f'"properties":{{"content_type":"product","currency":"USD"{properties}}}}}'
    )


NUMBERS = {
    "0": "0",
    "-0": "0",
    "-0.0": "0",
    "+5": "5",
    "5.": "5",
    ".5": "0.5",
    "007": "7",
    "19.90": "19.9",
    " 19.99\n": "19.99",
    "1e3": "1000",
    "1.5E+2": "150",
    "25e-1": "2.5",
    "1e-7": "0",
    "99999999999999999999999999999999": "99999999999999999999999999999999",
    "0.1234567": "0.123457",
    "-0.0000001": "0",
    **HALF_UP,
}
NOT_NUMBERS = (
    "abc", "$5", "5 USD", "1,000.00", "1.000,00", "1 000", "NaN", "inf", "-Infinity", "0x10", "1e", "e5", ".", "+", "--1",
    "1_000", "٥", "５", "1e3.5", "1d", "true", "-1", "-0.01", "1e32", "100000000000000000000000000000000",
)  # fmt: skip
FLOATS = {
    19.99: "19.99",
    0.1: "0.1",
    1e-6: "0.000001",
    1e15: "1000000000000000",
    0.0: "0",
    1e21: "1" + "0" * 21,
}
NOT_FLOATS = (float("nan"), float("inf"), float("-inf"), -1.5, 1e32, 1e300)

CASES: list[Case] = [
    *(offline(f"the value {text!r}", {"value": text}, value(number)) for text, number in NUMBERS.items()),
    *(refused(f"the value {text!r} is no amount", {"value": text}, "invalid_amount") for text in NOT_NUMBERS),
    *(offline(f"the float {number!r}", {"value": number}, value(text)) for number, text in FLOATS.items()),
    *(refused(f"the float {number!r} is no amount", {"value": number}, "invalid_amount") for number in NOT_FLOATS),
    offline("a whole number", {"value": 5}, value(5)),
    offline("a decimal", {"value": (pa.decimal128(10, 2), [Decimal("19.90")])}, value("19.9")),
    offline(
        "a decimal of more than six places is rounded half up",
        {"value": (pa.decimal128(20, 8), [Decimal("1.00000050")])},
        value("1.000001"),
    ),
    offline("a blank amount is absent", {"value": "  ", "price": "", "quantity": (FLOAT, [None])}),
    offline(
        "no trailing zeros and no exponent",
        {"value": 1e21},
        value("1" + "0" * 21),
        texts=[exactly(',"value":1000000000000000000000')],
    ),
    offline("no trailing dot", {"value": 5.0}, value(5), texts=[exactly(',"value":5')]),
    offline(
        "no exponent for small ones",
        {"value": "1e-6"},
        value("0.000001"),
        texts=[exactly(',"value":0.000001')],
    ),
    offline("no minus before nought", {"value": -0.0}, value(0), texts=[exactly(',"value":0')]),
    offline(
        "price times quantity, without binary noise",
        {"price": 0.1, "quantity": 3},
        priced("0.1", 3, "0.3"),
        texts=[exactly(',"contents":[{"price":0.1,"quantity":3}],"value":0.3')],
    ),
    offline("1.005 times 100", {"price": 1.005, "quantity": 100}, priced("1.005", 100, "100.5")),
    offline(
        "price and quantity are rounded first",
        {"price": "0.0000005", "quantity": "1000000"},
        priced("0.000001", 1000000, 1),
    ),
    offline(
        "the amount is rounded half up",
        {"price": "0.000001", "quantity": "0.5"},
        priced("0.000001", "0.5", "0.000001"),
    ),
    offline("a fraction of a quantity", {"price": 4, "quantity": 2.5}, priced(4, "2.5", 10)),
    offline("price and quantity outweigh the value", {"price": 2, "quantity": 3, "value": 5}, priced(2, 3, 6)),
    offline("nought times something is nought", {"price": 0, "quantity": 3, "value": 5}, priced(0, 3, 0)),
    offline(
        "a price alone leaves the value",
        {"price": 2, "value": 5},
        {"properties": {"contents": [{"price": 2}], "value": 5}},
    ),
    offline(
        "a quantity alone leaves the value",
        {"quantity": 2, "value": 5},
        {"properties": {"contents": [{"quantity": 2}], "value": 5}},
    ),
    *(
        offline(
            f"a {name} alone gives no value, which is told{way}",
            {name: 2, **beside},
            {"properties": {"contents": [{name: 2}]}},
            warnings={"incomplete_amount": 1},
        )
        for name, other in (("price", "quantity"), ("quantity", "price"))
        for way, beside in (
            ("", {}),
            (f" beside a blank {other}", {other: ""}),
            (" beside a blank value", {other: "", "value": " "}),
        )
    ),
    offline(
        "a price alone beside a value",
        {"price": 2, "value": 5},
        {"properties": {"contents": [{"price": 2}], "value": 5}},
    ),
    offline("neither price nor quantity", {"price": "", "quantity": ""}, {"properties": {}}),
    offline(
        "a bad value does not count where it is not used",
        {"price": 2, "quantity": 3, "value": "x"},
        {"properties": {"contents": [{"price": 2, "quantity": 3}], "value": 6}},
    ),
    offline(
        "nor does a negative one",
        {"price": 2, "quantity": 3, "value": -9},
        {"properties": {"contents": [{"price": 2, "quantity": 3}], "value": 6}},
    ),
    refused("a bad value counts beside a price without quantity", {"price": 2, "value": "x"}, "invalid_amount"),
    refused("a bad price counts", {"price": "x", "value": 5}, "invalid_amount"),
    refused("a bad quantity counts", {"quantity": "two"}, "invalid_amount"),
    refused("a negative quantity counts", {"price": 5, "quantity": -1}, "invalid_amount"),
    offline(
        "the highest price",
        {"price": "99999999999999"},
        {"properties": {"contents": [{"price": 99999999999999}]}},
        warnings={"incomplete_amount": 1},
    ),
    refused("a price of 10^14", {"price": "100000000000000"}, "invalid_amount"),
    offline(
        "the highest quantity",
        {"quantity": 999999999999},
        {"properties": {"contents": [{"quantity": 999999999999}]}},
        warnings={"incomplete_amount": 1},
    ),
    refused("a quantity of 10^12", {"quantity": 1000000000000}, "invalid_amount"),
    several(
        "the value is the sum of the rows' amounts",
        4,
        {
            "price": (FLOAT, [0.1, 0.2, None, None]),
            "quantity": (FLOAT, [1, 1, None, None]),
            "value": (TEXT, [None, None, "0.3", ""]),
        },
        [
            {
                "properties": {
                    "contents": [
                        {"price": Decimal("0.1"), "quantity": 1},
                        {"price": Decimal("0.2"), "quantity": 1},
                    ],
                    "value": Decimal("0.6"),
                }
            }
        ],
        warnings={"incomplete_amount": 2},
    ),
    offline(
        "all of a row's content, in order",
        {
            "brand": "Acme",
            "quantity": 1,
            "price": "2",
            "content_category": "Food",
            "content_name": "Bun",
            "content_id": "A1",
        },
        {
            "properties": {
                "contents": [
                    {
                        "content_id": "A1",
                        "content_name": "Bun",
                        "content_category": "Food",
                        "brand": "Acme",
                        "price": 2,
                        "quantity": 1,
                    }
                ],
                "value": 2,
            }
        },
        texts=[
            exactly(
                ',"contents":[{"content_id":"A1","content_name":"Bun","content_category":"Food","brand":"Acme",'
                '"price":2,"quantity":1}],"value":2'
            )
        ],
    ),
    *(
        offline(f"{column} alone makes an element", {column: " x "}, {"properties": {"contents": [{column: "x"}]}})
        for column in ("content_id", "content_name", "content_category", "brand")
    ),
    offline(
        "a numeric content_id is a string",
        {"content_id": 123},
        {"properties": {"contents": [{"content_id": "123"}]}},
    ),
    offline(
        "a float content_id has no fraction",
        {"content_id": 123.0},
        {"properties": {"contents": [{"content_id": "123"}]}},
    ),
    offline(
        "a large float content_id has no exponent",
        {"content_id": 2.0**53 - 1},
        {"properties": {"contents": [{"content_id": "9007199254740991"}]}},
    ),
    offline(
        "a fractional content_id",
        {"content_id": 12.5},
        {"properties": {"contents": [{"content_id": "12.5"}]}},
    ),
    offline(
        "a decimal content_id has no trailing zeros",
        {"content_id": (pa.decimal128(10, 3), [Decimal("12.500")])},
        {"properties": {"contents": [{"content_id": "12.5"}]}},
    ),
    offline("a boolean content_id", {"content_id": True}, {"properties": {"contents": [{"content_id": "true"}]}}),
    offline(
        "zeros of a text content_id stay",
        {"content_id": "00123.0"},
        {"properties": {"contents": [{"content_id": "00123.0"}]}},
    ),
    several(
        "a row without content adds no element",
        3,
        {"content_id": (TEXT, ["A", " ", "B"])},
        [{"properties": {"contents": [{"content_id": "A"}, {"content_id": "B"}]}}],
        rows=[[1, 2, 3]],
    ),
    offline("a currency is upper-cased", {"currency": " eur "}, {"properties": {"currency": "EUR"}}),
    offline("a blank currency is the dollar", {"currency": " "}),
    offline(
        "a currency that TikTok does not list",
        {"currency": "xof"},
        {"properties": {"currency": "XOF"}},
        warnings={"currency_not_listed": 1},
    ),
    *(
        refused(f"the currency {text!r} is invalid", {"currency": text}, "invalid_currency")
        for text in ("US", "USDT", "DEM", "$", "dollar", "ZZZ", "U SD", 840)
    ),
    refused(
        "a warning counts rejected rows too",
        {"currency": "XOF", "email": DROP},
        "missing_identity",
        warnings={"currency_not_listed": 1},
    ),
]
