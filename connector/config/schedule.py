"""Settings of schedules."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

from connector.config.addresses import Zone
from connector.config.fields import Text, accepts, text
from connector.config.settings import Settings, Violation

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 7),
)
_CRON_NAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
"""Days of each month, of February in a leap year."""

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_NAMES = {
    "month": {name: number for number, name in enumerate(_MONTHS, 1)},
    "day of the week": {name: number for number, name in enumerate(_DAYS)},
}


@accepts(lambda _: {"type": "string", "pattern": r"^\s*[1-9][0-9]{0,4}[smhd]\s*$"})
def interval_text(value: object) -> str:
    """Validate an interval such as 30s, 15m, 2h or 1d."""
    interval = text(value).strip()
    if not re.fullmatch(r"[1-9][0-9]{0,4}[smhd]", interval):
        raise ValueError("must be a number of seconds, minutes, hours or days, as 30s, 15m, 2h or 1d")
    return interval


def interval(text: str) -> timedelta:
    """Return the time of a valid interval."""
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


@accepts(lambda _: {"type": "string", "pattern": r"^\s*([0-9A-Za-z*/,-]+\s+){4}[0-9A-Za-z*/,-]+\s*$"})
def cron_expression(value: object) -> str:
    """Validate the five fields of a cron expression."""
    fields = text(value).split()
    if len(fields) != len(_FIELDS):
        raise ValueError(
            'must have five fields (minute, hour, day, month, day of the week), as "15 6 * * *"' + _cron_advice(fields)
        )
    for entry, (name, least, most) in zip(fields, _FIELDS, strict=True):
        if not all(_item(item.lower(), name, least, most) for item in entry.split(",")):
            raise ValueError(f'must have a {name} from {least} to {most} where it has "{entry}"')
    if not _comes(*fields[2:]):
        raise ValueError(f'must be a time that comes: no month of "{fields[3]}" has a day "{fields[2]}"')
    return " ".join(fields)


def _cron_advice(fields: list[str]) -> str:
    if len(fields) == 1 and fields[0].lower() in _CRON_NAMES:
        return f'; for {fields[0]} write "{_CRON_NAMES[fields[0].lower()]}"'
    return "; there are no seconds and no years" if len(fields) in {6, 7} else ""


def _comes(days: str, months: str, weekday: str) -> bool:
    """Return whether a day of one of the months matches: 30 February never comes."""
    if not weekday.startswith("*"):
        return True
    first_days = [min(_numbers(item, "day of the month", 1, 31)) for item in days.split(",")]
    numbers = {number for item in months.split(",") for number in _numbers(item.lower(), "month", 1, 12)}
    return any(first <= _LONGEST[month - 1] for first in first_days for month in numbers)


def _numbers(item: str, name: str, least: int, most: int) -> range:
    """Return the numbers of a valid item."""
    span, _, step = item.partition("/")
    ends = (least, most) if span == "*" else [_value(end, name) for end in span.split("-")]
    last = ends[-1] if len(ends) > 1 or not step else most
    return range(ends[0], last + 1, int(step or 1))


def schedule_mapping(value: object) -> object:
    """Refuse a schedule that is written as a text, with the mapping to write."""
    if not isinstance(value, str):
        return value
    word = " ".join(value.split())
    if re.fullmatch(r"[1-9][0-9]{0,4}[smhd]", word):
        key, entry = "every", word
    elif word.lower().strip("@") in {"manual", "none", "never"}:
        raise ValueError("must be a mapping; without a schedule, write workflow: manual")
    else:
        key, entry = "cron", _CRON_NAMES.get(f"@{word.lower().lstrip('@')}", word)
        entry = f'"{entry}"' if len(entry.split()) == len(_FIELDS) else '"15 6 * * *"'
    raise ValueError(f"must be a mapping; write {{{key}: {entry}}}")


def _item(item: str, name: str, least: int, most: int) -> bool:
    """Return true if an item is `*`, a value or a range, each with or without a step."""
    span, slash, step = item.partition("/")
    if slash and not (step.isascii() and step.isdigit() and int(step) > 0):
        return False
    if span == "*":
        return True
    ends = [_value(end, name) for end in span.split("-")]
    return len(ends) <= 2 and all(least <= end <= most for end in ends) and ends == sorted(ends)


def _value(item: str, name: str) -> int:
    by_name = _NAMES.get(name, {}).get(item, -1)
    return int(item) if re.fullmatch(r"[0-9]{1,2}", item) else by_name


class Schedule(Settings):
    """When an automatic orchestration runs: exactly one of `cron`, `every` and `after` is set."""

    internal_fields: ClassVar[frozenset[str]] = frozenset()

    cron: Annotated[str, BeforeValidator(cron_expression)] | None = None
    """The five fields of cron: minute, hour, day of the month, month, day of the week."""
    every: Annotated[str, BeforeValidator(interval_text)] | None = None
    """An interval, counted from midnight UTC."""
    after: Text | None = None
    """Another orchestration, or `dbt`. A run is due when one of its runs has completed, or dbt has built the models."""
    timezone: Zone = "UTC"
    """The time zone of `cron`."""

    def __str__(self) -> str:
        """Return the schedule in words, such as `every 15m` or `cron 15 6 * * * America/New_York`."""
        if self.cron:
            return f"cron {self.cron} {self.timezone}"
        return f"every {self.every}" if self.every else f"after {self.after}"

    @property
    def interval(self) -> timedelta | None:
        """The interval of `every`."""
        return interval(self.every) if self.every else None

    @classmethod
    def rules(cls, values: Mapping[str, Any]) -> Iterator[Violation]:
        """Refuse none, or more than one, of `cron`, `every` and `after`."""
        ways = [key for key in ("cron", "every", "after") if values.get(key) is not None]
        if len(ways) != 1:
            yield (
                "",
                "needs one of cron, every and after" + (f"; it has {' and '.join(ways)}" if ways else ""),
            )
