"""Incremental reading: restrict a query to the rows whose cursor column lies at or above a bound."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from connector.config.suggest import did_you_mean
from connector.core.dialects import dialect_named
from connector.errors import ConfigurationError, Problem, Rule
from connector.queries.literals import identifier, literal

CursorValue = int | date | datetime
"""A value of a cursor column. A datetime without a time zone is one of the warehouse's own."""

PREFIX = "SELECT * FROM ("
"""It stands on the first line of the query, so that lines keep their numbers."""
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CursorRange:
    """The rows that a run reads."""

    column: str
    """The name of the cursor column."""
    started_at: datetime
    """The start of the run, beyond which no later run may skip."""
    since: CursorValue | None = None
    """Rows with a lower value are not read; None: all rows are."""
    reached: CursorValue | None = None
    """The highest value that a completed run has read; None if there is none yet."""

    def restrict(self, sql: str, dialect: str) -> str:
        """Return the query over the rows of the range. Rows without a value are always among them."""
        if self.since is None:
            return sql
        rules = dialect_named(dialect)
        name = self.column if _PLAIN.fullmatch(self.column) else identifier(self.column, rules)
        return f"{PREFIX}{sql}\n) cursor_rows WHERE {name} >= {literal(self.since, rules)} OR {name} IS NULL"

    def advanced(self, highest: CursorValue | None) -> "CursorRange":
        """Return the range with what is reached once the run is completed, of which this is the highest value.

        A value of the future counts as the start of the run, so that a wrong one cannot hide the rows of days to come.
        """
        return self if highest is None else replace(self, reached=_at_most(highest, self.started_at))

    def as_json(self) -> dict[str, Any]:
        """Return the object that the ledger keeps."""
        return {"column": self.column, "since": cursor_json(self.since), "reached": cursor_json(self.reached)}


def cursor_since(reached: CursorValue | None, overlap: timedelta) -> CursorValue | None:
    """Return where the next run begins to read: at the value that was reached, less the overlap.

    Dates overlap by a day at least, since rows of a day may come later that day. Numbers have no overlap.
    """
    if reached is None or isinstance(reached, int):
        return reached
    if isinstance(reached, datetime):
        return reached - overlap
    return reached - max(timedelta(days=-(-overlap // _DAY)), _DAY)


def cursor_value(text: str | int | None) -> CursorValue | None:
    """Return a value from the JSON of the ledger."""
    if text is None or isinstance(text, int):
        return text
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def cursor_json(value: CursorValue | None) -> str | int | None:
    """Return a value as JSON, from which `cursor_value` returns it."""
    return value if value is None or isinstance(value, int) else value.isoformat()


def cursor_field(schema: pa.Schema, column: str) -> pa.Field:
    """Return the cursor column of a result. Raises ConfigurationError for a missing one, or another type."""
    fields = [field for field in schema if field.name == column] or [
        field for field in schema if field.name.casefold() == column.casefold()
    ]
    if not fields:
        hint = did_you_mean(column, schema.names)
        message = f'cursor: the result has no column "{column}".{hint} Its columns are {", ".join(schema.names)}.'
        raise ConfigurationError([Problem(message, rule=Rule.COLUMNS)])
    kind = fields[0].type
    if not (pa.types.is_integer(kind) or pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        message = (
            f'cursor: the column "{fields[0].name}" holds values of type {kind}: name one of timestamps, dates or '
            "whole numbers, or CAST it in the query."
        )
        raise ConfigurationError([Problem(message, rule=Rule.COLUMNS)])
    return fields[0]


class Highest(Protocol):
    """Knows the highest value of the cursor column."""

    @property
    def value(self) -> CursorValue | None:
        """The highest value of the rows that were read; None without one."""


@dataclass(frozen=True, slots=True)
class HighestOf:
    """The highest of values that others have found, as JSON."""

    found: Sequence[str | int | None]

    @property
    def value(self) -> CursorValue | None:
        """See `Highest.value`."""
        values: list[Any] = [cursor_value(one) for one in self.found if one is not None]
        return max(values, default=None)


class HighestValue:
    """Follows the highest value of the cursor column while rows are read."""

    def __init__(self, schema: pa.Schema, column: str) -> None:
        self._index = schema.get_field_index(cursor_field(schema, column).name)
        self._highest: pa.Scalar | None = None

    @property
    def value(self) -> CursorValue | None:
        """The highest value so far, rounded down to what Python can represent; None without one."""
        if self._highest is None:
            return None
        found: CursorValue = self._highest.as_py()
        return found

    def follow(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the batches, and take note of their values."""
        for batch in batches:
            self._add(batch.column(self._index))
            yield batch

    def _add(self, values: pa.Array) -> None:
        if pa.types.is_timestamp(values.type):
            # Python has no nanoseconds; a lower bound may be lower than needed.
            values = pc.floor_temporal(values, unit="microsecond").cast(pa.timestamp("us", values.type.tz))
        highest = pc.max(values)
        if highest.is_valid and (self._highest is None or pc.greater(highest, self._highest).as_py()):
            self._highest = highest


def _at_most(value: CursorValue, moment: datetime) -> CursorValue:
    if isinstance(value, datetime):
        now = moment if value.tzinfo else moment.astimezone(UTC).replace(tzinfo=None)
        return min(value, now)
    return min(value, moment.astimezone(UTC).date()) if isinstance(value, date) else value
