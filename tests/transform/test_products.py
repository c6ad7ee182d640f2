"""Price x quantity is exact, also where the product needs more digits than DuckDB's small decimals have."""

from decimal import ROUND_HALF_UP, Context, Decimal
from itertools import product

import pyarrow as pa
import pytest

from connector.transform.template import DataTemplate
from tests.reference import Settings
from tests.transform.harness import transformed

NOW = 1_700_000_000
EXACTLY = Context(prec=60, rounding=ROUND_HALF_UP)
PRICES = (
    "0.000001", "0.01", "99", "999.999999", "1000", "9998.999999", "9999", "9999.000001", "10000", "10101.010101",
    "50000", "99999", "99999.99", "100000", "999999.999999", "1000000", "12345678.9", "99999999999999",
)  # fmt: skip
QUANTITIES = (
    "0.5", "1", "9.999999", "20", "98.999999", "99", "99.000001", "100", "101", "500", "999", "1000", "10000",
    "1000000", "999999999999",
)  # fmt: skip
WHOLE = [(price, quantity) for price, quantity in product(PRICES, QUANTITIES) if "." not in price + quantity]
"""Both sides of every bound: the largest price and quantity that are multiplied quickly, and products of 1,000,000."""


def sent(pairs: list[tuple[str, str]], kind: pa.DataType) -> list[Decimal]:
    """The value of an event of each pair."""
    texts = [pa.array(some, pa.string()) for some in zip(*pairs, strict=True)]
    columns = dict(zip(("price", "quantity"), (some.cast(kind) for some in texts), strict=True))
    count = len(pairs)
    rows = {
        "event_id": [f"e{number}" for number in range(count)],
        "event": ["Purchase"] * count,
        "timestamp": [NOW] * count,
        "email": ["jane@example.com"] * count,
    }
    outcome = transformed(pa.table({**rows, **columns}), Settings(started_at=NOW), DataTemplate("tiktok_events"))
    assert (outcome.rejected, len(outcome.events)) == ({}, count)
    return [Decimal(event["properties"]["value"]) for event in outcome.events]


@pytest.mark.parametrize(
    ("kind", "pairs"),
    [
        (pa.string(), list(product(PRICES, QUANTITIES))),
        (pa.decimal128(38, 6), list(product(PRICES, QUANTITIES))),
        (pa.int64(), WHOLE),
    ],
    ids=["texts", "decimals", "integers"],
)
def test_a_product_is_exact_on_both_sides_of_every_bound(kind: pa.DataType, pairs: list[tuple[str, str]]) -> None:
    products = (EXACTLY.multiply(Decimal(price), Decimal(quantity)) for price, quantity in pairs)
    assert sent(pairs, kind) == [EXACTLY.quantize(one, Decimal("0.000001")) for one in products]
