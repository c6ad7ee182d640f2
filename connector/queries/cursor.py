"""Incremental reading: restrict a query to the rows whose cursor column lies at or above a bound."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from connector.config.suggest import did_you_mean
from connector.core.columns import named_column
from connector.core.dialects import dialect_named
from connector.errors import ConfigurationError, Problem, Rule
from connector.queries.literals import LiteralError, identifier, literal

CursorValue = int | date | datetime
"""A value of a cursor column. A datetime without a time zone is one of the warehouse's own."""

PREFIX = "SELECT * FROM ("
"""It stands on the first line of the query, so that lines keep their numbers."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CursorRange:
    """The rows that a run reads."""

    column: str
    """The name of the cursor column, as the settings have it."""
    started_at: datetime
    """The start of the run, beyond which no later run may skip."""
    since: CursorValue | None = None
    """Rows with a lower value are not read; None: all rows are."""
    reached: CursorValue | None = None
    """The highest value that a completed run has read; None if there is none yet."""
    name: str | None = None
    """The name of the column, as the result has it; None before a run has seen one."""
    of: str = ""
    """A digest of what is sent, where it is read, and where it goes: for others, the range says nothing."""

    @property
    def note(self) -> str:
        """The sentence that says which rows are read."""
        if self.since is None:
            return f"All rows are read. The next run reads those that are new by their {self.column}."
        return f"Only rows with {self.column} from {self.since} on are read. `--full` reads all of them."

    def restrict(self, sql: str, dialect: str) -> str:
        """Return the query over the rows of the range. Rows without a value are always among them."""
        if self.since is None:
            return sql
        rules = dialect_named(dialect)
        name = identifier(self.name or self.column, rules).text()
        return f"{PREFIX}{sql}\n) cursor_rows WHERE {name} >= {literal(self.since, rules)} OR {name} IS NULL"

    def advanced(self, highest: "Highest") -> "CursorRange":
        """Return the range with what is reached once a run is completed that has read up to the highest value."""
        return replace(self, reached=self.reached if highest.value is None else highest.value, name=highest.name)

    def as_json(self) -> dict[str, Any]:
        """Return the object that the ledger keeps."""
        values = {"since": cursor_json(self.since), "reached": cursor_json(self.reached)}
        return {"column": self.column, "name": self.name, **values, "of": self.of}


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


def check_cursor(schema: pa.Schema, column: str, dialect: str) -> None:
    """Raise ConfigurationError if the cursor column is missing, has another type, or a name that SQL cannot quote."""
    name = cursor_field(schema, column).name
    try:
        identifier(name, dialect_named(dialect))
    except LiteralError as error:
        message = f'cursor: the name of the column "{name}" {error}. Give it another one in the query.'
        raise ConfigurationError([Problem(message, rule=Rule.COLUMNS)]) from None


def cursor_field(schema: pa.Schema, column: str) -> pa.Field:
    """Return the cursor column of a result. Raises ConfigurationError for a missing one, or another type."""
    field = named_column(schema, column)
    if field is None:
        hint = did_you_mean(column, schema.names)
        message = f'cursor: the result has no column "{column}".{hint} Its columns are {", ".join(schema.names)}.'
        raise ConfigurationError([Problem(message, rule=Rule.COLUMNS)])
    kind = field.type
    is_whole = pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0)
    if not (is_whole or pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        message = (
            f'cursor: the column "{field.name}" holds values of type {kind}: name one of timestamps, dates or '
            "whole numbers, or CAST it in the query."
        )
        raise ConfigurationError([Problem(message, rule=Rule.COLUMNS)])
    return field


class Highest(Protocol):
    """Knows the highest value of the cursor column."""

    @property
    def name(self) -> str | None:
        """The name of the column in the result."""

    @property
    def value(self) -> CursorValue | None:
        """The highest value of the rows that were read, of those that are not in the future; None without one."""

    @property
    def future(self) -> int:
        """The number of rows whose value is in the future."""

    def as_json(self) -> dict[str, Any]:
        """Return the value and the number as JSON."""


@dataclass(frozen=True, slots=True)
class HighestOf:
    """The highest of values that others have found, each as `Highest.as_json` gives it."""

    name: str | None
    found: Sequence[Mapping[str, Any]]

    @property
    def value(self) -> CursorValue | None:
        """See `Highest.value`."""
        values: list[Any] = [cursor_value(one["value"]) for one in self.found if one["value"] is not None]
        return max(values, default=None)

    @property
    def future(self) -> int:
        """See `Highest.future`."""
        return sum(one["future"] for one in self.found)

    def as_json(self) -> dict[str, Any]:
        """See `Highest.as_json`."""
        return {"value": cursor_json(self.value), "future": self.future}


class HighestValue:
    """Follows the highest value of the cursor column while rows are read.

    Values of the future are passed over: a wrong one would hide the rows of days to come. So are values that Python
    cannot represent, such as infinity.
    """

    def __init__(self, schema: pa.Schema, column: str, started_at: datetime) -> None:
        field = cursor_field(schema, column)
        self.name: str | None = field.name
        self.value: CursorValue | None = None
        self.future = 0
        self._index = schema.get_field_index(field.name)
        self._limit = _limit(field.type, started_at)

    def as_json(self) -> dict[str, Any]:
        """See `Highest.as_json`."""
        return {"value": cursor_json(self.value), "future": self.future}

    def follow(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the batches, and take note of their values."""
        for batch in batches:
            self._add(batch.column(self._index))
            yield batch

    def _add(self, values: pa.Array) -> None:
        if self._limit is not None:
            is_past = pc.less_equal(values, self._limit)
            self.future += is_past.false_count
            values = values.filter(is_past)
        highest = _as_python(pc.max(values))
        if highest is not None and (self.value is None or highest > self.value):  # type: ignore[operator]
            self.value = highest


def _limit(kind: pa.DataType, moment: datetime) -> pa.Scalar | None:
    """Return the highest value that is not in the future; None for numbers. Times without a zone count as UTC."""
    if pa.types.is_timestamp(kind):
        now = moment if kind.tz else moment.astimezone(UTC).replace(tzinfo=None)
        return pa.scalar(now, pa.timestamp("us", kind.tz)).cast(kind, safe=False)
    return pa.scalar(moment.astimezone(UTC).date(), kind) if pa.types.is_date(kind) else None


def _as_python(value: pa.Scalar) -> CursorValue | None:
    """Return a value, rounded down to what Python can represent; None if it is none, or far in the past."""
    if not value.is_valid:
        return None
    if pa.types.is_timestamp(value.type):
        microseconds = pc.floor_temporal(value, unit="microsecond")
        value = microseconds.cast(pa.timestamp("us", value.type.tz))
    try:
        found = value.as_py()
    except (OverflowError, ValueError):
        return None
    return int(found) if isinstance(found, Decimal) else found
