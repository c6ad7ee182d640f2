"""What leaves the transform: rows in which nobody can be recognised.

These types are the privacy rule: stage, ledger and delivery take them and nothing else, and only
`connector.transform` makes them.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import pyarrow as pa

from connector.core.route import Route

KEY = pa.binary(16)
PERSON_DIGITS = 16
AMOUNT = pa.decimal128(38, 6)
MATCHED_BY = ("email", "phone", "external_id", "tiktok_click_id", "cookie_id", "ip")
"""The parameters by which TikTok can tell who an event is about, in the order of the bits of `marks`."""

LINE = pa.struct(
    [
        pa.field("item", pa.string()),
        pa.field("amount", AMOUNT),
        pa.field("digest", pa.uint64()),
        pa.field("head_digest", pa.uint64()),
        pa.field("priced", pa.bool_()),
    ]
)
"""A line item of an event.

item: its element of `contents`, NULL where it has none; amount: what it adds to the event's value; digest: 64 bits of
all its mapped columns, equal for rows that say the same in all; head_digest: 64 bits of what the row says of its
event, the event's `head` if it is the first of its rows; priced: whether price and quantity are given, NULL
where one of them is and nothing that gives an amount.
"""

EVENTS = pa.schema(
    [
        pa.field("key", KEY, nullable=False),
        pa.field("rows", pa.list_(pa.int64()), nullable=False),
        pa.field("head", pa.string(), nullable=False),
        pa.field("lines", pa.list_(LINE), nullable=False),
        pa.field("amount", AMOUNT),
        pa.field("persons", pa.string(), nullable=False),
        pa.field("time", pa.int64()),
        pa.field("currency", pa.string()),
        pa.field("marks", pa.uint8()),
    ]
)
"""An event in the parts from which its JSON is put together, so that line items can still be added.

key: 128 bits of (event source, event source id, event, event_id); rows: the numbers of its rows in the
result, from 1; head: its JSON object, open after the last member of `properties`; lines: a LINE for each of its rows,
in their order; amount: what goes into `value`, the sum of its lines' amounts; persons: whom it is about, of each
digest the first PERSON_DIGITS.

time, currency and marks are what a run's figures are counted by: its event_time in Unix seconds, the currency of its
value (SEVERAL_CURRENCIES where its rows name more than one), and, bit n, whether it has MATCHED_BY[n]. They are null
in a stage of an earlier version, which kept none.
"""

SEVERAL_CURRENCIES = ""
"""Stands for the currency of an event whose rows name more than one: it has no value, and is never sent."""

DIGEST = pa.binary(32)
ID_TYPES = ("email", "phone", "idfa", "aaid")
"""The kinds of identifiers that an audience knows, by the names of their parameters."""

MEMBERS = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        *(pa.field(name, pa.list_(pa.field("item", DIGEST, nullable=False)), nullable=False) for name in ID_TYPES),
    ]
)
"""A person of an audience: the number of the row in the result, from 1, and of each type the distinct SHA-256."""

UNITS = pa.schema(
    [
        pa.field("rows", pa.list_(pa.int64()), nullable=False),
        pa.field("payload", pa.string(), nullable=False),
        pa.field("id_types", pa.list_(pa.uint8()), nullable=False),
        pa.field("digests", pa.list_(DIGEST), nullable=False),
    ]
)
"""What is sent of an audience as one: the identifiers of a person that are added, or one that is deleted.

rows: the row of the result that is delivered with it, if any; payload: its rows of `batch_data`, JSON arrays joined by
commas; id_types and digests: the places in ID_TYPES and the SHA-256 of its identifiers.
"""

EXCLUDED_ROW = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("code", pa.int32()),
        pa.field("message", pa.string()),
        pa.field("columns", pa.string()),
    ]
)
"""A row that is not sent: outcome `rejected` or `skipped`, the reason, TikTok's code and message where it
refused, and a JSON object of what identifies nobody, and digests."""


@dataclass(frozen=True, slots=True)
class PhoneCounts:
    """Counts of rows by column of the result: those in which it gives a phone number, and an invalid one."""

    given: Counter[str] = field(default_factory=Counter)
    invalid: Counter[str] = field(default_factory=Counter)

    def update(self, other: "PhoneCounts") -> None:
        """Add the counts of further rows."""
        self.given.update(other.given)
        self.invalid.update(other.invalid)


@dataclass(frozen=True, slots=True)
class HashedEvents:
    """Events of one route, in the order of their first rows. `table` has the schema EVENTS."""

    route: Route
    table: pa.Table


@dataclass(frozen=True, slots=True)
class HashedRows:
    """What became of one slice of the query's result.

    `left_out` has the schema EXCLUDED_ROW; `barred` are the keys of rejected rows (type KEY, distinct): no event
    of such a key may be sent; `orphans` are the numbers (uint64, distinct) of orders of which a rejected row is of
    no known day, see transform/orphans.py. `undecided` are the keys of events that can only be judged once all their
    rows are known. `rejects`, `skips` and `warnings` count rows; `identical_value` is what rows that are counted as
    `identical_rows` add to values, by currency.
    """

    read: int
    events: tuple[HashedEvents, ...]
    left_out: pa.Table
    barred: pa.Array
    undecided: pa.Array
    orphans: pa.Array
    rejects: Counter[str]
    skips: Counter[str]
    warnings: Counter[str]
    phones: "PhoneCounts"
    identical_value: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class HashedMembers:
    """What became of one slice of an audience's query. `members` has the schema MEMBERS, `left_out` EXCLUDED_ROW.

    `rejects`, `warnings` and `skips` count rows.
    """

    read: int
    members: pa.Table
    left_out: pa.Table
    rejects: Counter[str]
    warnings: Counter[str]
    skips: Counter[str] = field(default_factory=Counter)
    phones: PhoneCounts = field(default_factory=PhoneCounts)
    identical_value: Mapping[str, Decimal] = field(default_factory=dict)
