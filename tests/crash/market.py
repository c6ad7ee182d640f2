"""A warehouse that grows between two days, and what of it has to arrive, worked out without the product.

Events `e0` to `e3299` have ten rows each, more rows than are looked at together; the last row of every hundredth
event lies at the end of the result. 750 events are there on the first day. One event has a row that is bad, and so
cannot be sent; five rows have no timestamp.
"""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

EVENTS, ITEMS, NAMELESS = 3_300, 10, 5
FIRST_DAY = (*range(100, 150), *range(2_000, 2_700))
"""Seven tenths of a batch, and a little of another."""

BARRED = 700
POISONED = 555
"""In the first batch, of which single events are tried before it is halved."""
QUERY = "SELECT * EXCLUDE (place, day) FROM receipts ORDER BY place"
NEWEST = int(time.time()) - 3_600

_TABLE = """
CREATE TABLE receipts (
    place INTEGER, day INTEGER, event_id VARCHAR, timestamp TIMESTAMP WITH TIME ZONE, email VARCHAR
    , content_id VARCHAR, price INTEGER, quantity INTEGER, event_channel VARCHAR
)
"""
Rejected = tuple[int, str, str]
"""A row's number, its event's id, the reason."""


@dataclass(frozen=True)
class Row:
    """One row of the warehouse."""

    place: int
    day: int
    event_id: str
    event_time: int | None
    content_id: str
    price: int
    channel: str = "in_store"

    def values(self) -> tuple[object, ...]:
        """As the table takes it."""
        email = f"{self.event_id}@example.com"
        return self.place, self.day, self.event_id, self.event_time, email, self.content_id, self.price, 2, self.channel


def _event(n: int) -> Iterator[Row]:
    day = 1 if n in FIRST_DAY else 2
    for k in range(ITEMS):
        far = k == ITEMS - 1 and n % 100 == 0
        channel = "nowhere" if far and n == BARRED else "in_store"
        place = (EVENTS * ITEMS if far else 0) + n * ITEMS + k
        yield Row(place, day, f"e{n}", NEWEST - n, f"p{n}-{k}", 1 + (n + k) % 50, channel)


@cache
def rows() -> tuple[Row, ...]:
    """All rows of the second day, in the order of the query."""
    named = [row for n in range(EVENTS) for row in _event(n)]
    nameless = [Row(1_000_000 + n, 2, f"x{n}", None, f"q{n}", 3) for n in range(NAMELESS)]
    return tuple(sorted([*named, *nameless], key=lambda row: row.place))


def build(warehouse: Path) -> None:
    """The warehouse as it is on the first day."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(_TABLE)
        _insert(connection, [row for row in rows() if row.day == 1])


def grow(warehouse: Path) -> None:
    """Adds the rows of the second day."""
    with duckdb.connect(str(warehouse)) as connection:
        _insert(connection, [row for row in rows() if row.day == 2])


def mend(warehouse: Path) -> None:
    """Puts right what was wrong with rows."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("UPDATE receipts SET timestamp = to_timestamp(?) WHERE timestamp IS NULL", [NEWEST])
        connection.execute("UPDATE receipts SET event_channel = 'in_store'")


def _insert(connection: duckdb.DuckDBPyConnection, some: list[Row]) -> None:
    columns = dict(zip("abcdefghi", zip(*(row.values() for row in some), strict=True), strict=True))
    lists = ", ".join(f"unnest(${name})" for name in columns)
    connection.execute(
        f"INSERT INTO receipts SELECT a, b, c, to_timestamp(d), e, f, g, h, i FROM (SELECT {lists}) AS t (a, b, c, d, e, f, g, h, i)",
        {name: list(values) for name, values in columns.items()},
    )


Essence = tuple[int, tuple[tuple[str, float, int], ...], float]
"""When an event was, its items in their order, its value."""


def essence(event: dict[str, Any]) -> Essence:
    """Of an event that arrived."""
    properties = event["properties"]
    items = tuple((one["content_id"], one["price"], one["quantity"]) for one in properties["contents"])
    return event["event_time"], items, properties["value"]


@cache
def expected(*, mended: bool = False) -> dict[str, Essence]:
    """By id, every event that has to arrive; `mended`: also those that were wrong at first."""
    left_out = set() if mended else {f"e{BARRED}", f"e{POISONED}", *(f"x{n}" for n in range(NAMELESS))}
    by_id: dict[str, list[Row]] = {}
    for row in rows():
        if row.event_id not in left_out:
            by_id.setdefault(row.event_id, []).append(row)
    return {event_id: _essence(some) for event_id, some in by_id.items()}


def _essence(some: list[Row]) -> Essence:
    items = tuple((row.content_id, float(row.price), 2) for row in some)
    return some[0].event_time or NEWEST, items, sum(price * quantity for _, price, quantity in items)


@cache
def rejected() -> Counter[Rejected]:
    """Every row that has to be left out of a run over the whole table, the poisoned event being refused."""
    found: Counter[Rejected] = Counter()
    for number, row in enumerate(rows(), start=1):
        if row.event_time is None:
            found[number, row.event_id, "missing_timestamp"] += 1
        elif row.event_id == f"e{BARRED}":
            found[
                number, row.event_id, "invalid_event_channel" if row.channel == "nowhere" else "incomplete_event"
            ] += 1
        elif row.event_id == f"e{POISONED}":
            found[number, row.event_id, "refused_by_tiktok"] += 1
    return found
