"""The output of the transform: rows that identify nobody.

These types are the privacy boundary: stage, ledger and delivery accept only them, and only `connector.transform`
creates them.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import pyarrow as pa

from connector.core.route import Route

KEY = pa.binary(16)
"""The type of the key of an event."""
PERSON_DIGITS = 16
"""The hex digits of a person's digest that are stored with an event."""
AMOUNT = pa.decimal128(38, 6)
MATCHED_BY = ("email", "phone", "external_id", "tiktok_click_id", "cookie_id", "ip")
"""The parameters by which a platform can match an event to a person, in the order of the bits of `marks`."""

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

item: its element of `contents`, NULL if it has none; amount: its part of the event's value; digest: 64 bits of all its
mapped columns, equal for identical rows; head_digest: 64 bits of the row's fields of the event, those of `head` if it
is the first of its rows; priced: whether price and quantity are given, NULL if only one of them is and there is no
amount.
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
"""An event as the parts of its JSON, so that line items can still be added.

key: 128 bits of (event source, event source id, event, event_id); rows: the numbers of its rows in the
result, from 1; head: its JSON object, open after the last member of `properties`; lines: a LINE for each of its rows,
in their order; amount: its `value`, the sum of the amounts of its lines; persons: the first PERSON_DIGITS of the digest
of each person that it is about.

time, currency and marks are for the metrics of a run: its event_time in Unix seconds, the currency of its value
(SEVERAL_CURRENCIES if its rows name more than one), and, bit n, whether it has MATCHED_BY[n]. They are null in a stage
of an earlier version, which did not have them.
"""

SEVERAL_CURRENCIES = ""
"""Stands for the currency of an event whose rows name more than one. Such an event has no value and is never sent."""

DIGEST = pa.binary(32)
ID_TYPES = ("email", "phone", "idfa", "aaid")
"""The types of identifiers in an audience, named like their parameters."""

MEMBERS = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        *(pa.field(name, pa.list_(pa.field("item", DIGEST, nullable=False)), nullable=False) for name in ID_TYPES),
    ]
)
"""A person in an audience: the number of the row in the result, from 1, and the distinct SHA-256 of each type."""

UNITS = pa.schema(
    [
        pa.field("rows", pa.list_(pa.int64()), nullable=False),
        pa.field("payload", pa.string(), nullable=False),
        pa.field("id_types", pa.list_(pa.uint8()), nullable=False),
        pa.field("digests", pa.list_(DIGEST), nullable=False),
    ]
)
"""An indivisible change of an audience: the identifiers of a person to add, or one identifier to delete.

rows: the row of the result that is delivered with it, if any; payload: its rows of `batch_data`, JSON arrays joined by
commas; id_types and digests: the positions in ID_TYPES and the SHA-256 of its identifiers.
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
"""A row that is not sent: the outcome `rejected` or `skipped`, the reason, the code and message of the destination if
it refused the row, and a JSON object of the columns that identify nobody, and of digests."""


def excluded_rows(
    rows: pa.Array | pa.ChunkedArray,
    outcome: str | pa.Array,
    reason: str | pa.Array,
    *,
    codes: pa.Array | None = None,
    messages: pa.Array | None = None,
    columns: str | pa.Array | pa.ChunkedArray = "{}",
) -> pa.Table:
    """Build excluded rows (schema EXCLUDED_ROW) with these row numbers; a text applies to every row."""
    values = (rows, outcome, reason, codes, messages, columns)
    return pa.table(
        [
            pa.repeat(pa.scalar(value, field.type), len(rows)) if value is None or isinstance(value, str) else value
            for value, field in zip(values, EXCLUDED_ROW, strict=True)
        ],
        schema=EXCLUDED_ROW,
    )


@dataclass(frozen=True, slots=True)
class PhoneCounts:
    """Counts of rows, by column of the result, with a phone number and with an invalid one."""

    given: Counter[str] = field(default_factory=Counter)
    invalid: Counter[str] = field(default_factory=Counter)

    def update(self, other: "PhoneCounts") -> None:
        """Add the counts of other rows."""
        self.given.update(other.given)
        self.invalid.update(other.invalid)


@dataclass(frozen=True, slots=True)
class HashedEvents:
    """Events of one route, in the order of their first rows."""

    route: Route
    table: pa.Table
    """The events (schema EVENTS)."""


@dataclass(frozen=True, slots=True)
class HashedRows:
    """The outcome of one slice of the query's result."""

    read: int
    """The number of rows in the slice."""
    events: tuple[HashedEvents, ...]
    """The events to send, by route."""
    excluded: pa.Table
    """The excluded rows, with the schema EXCLUDED_ROW."""
    blocked_keys: pa.Array
    """The keys of rejected rows (type KEY, distinct); no event with such a key may be sent."""
    undecided: pa.Array
    """The keys of events that can only be judged once all their rows are known."""
    orphans: pa.Array
    """The numbers of orders (uint64, distinct) with a rejected row of unknown day, see transform/orphans.py."""
    rejects: Counter[str]
    """Rejected rows by reason."""
    skips: Counter[str]
    """Skipped rows by reason."""
    warnings: Counter[str]
    """Rows by warning."""
    phones: "PhoneCounts"
    """Phone numbers by column."""
    identical_value: Mapping[str, Decimal]
    """The part of the value, by currency, that comes from rows with the warning `identical_rows`."""


@dataclass(frozen=True, slots=True)
class HashedMembers:
    """The outcome of one slice of the result of an audience's query."""

    read: int
    """The number of rows in the slice."""
    members: pa.Table
    """The persons, with the schema MEMBERS."""
    excluded: pa.Table
    """The excluded rows, with the schema EXCLUDED_ROW."""
    rejects: Counter[str]
    """Rejected rows by reason."""
    warnings: Counter[str]
    """Rows by warning."""
    skips: Counter[str] = field(default_factory=Counter)
    """Skipped rows by reason."""
    phones: PhoneCounts = field(default_factory=PhoneCounts)
    """Phone numbers by column."""
    identical_value: Mapping[str, Decimal] = field(default_factory=dict)
    """Always empty; events have it."""
