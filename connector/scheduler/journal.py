"""One line for each change of state."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

Say = Callable[[str], None]
Clock = Callable[[], datetime]


class Change(StrEnum):
    """What a line is about."""

    UP = "up"
    WAITING = "waiting"
    STARTED = "started"
    ENDED = "ended"
    NOTED = "noted"
    KILLED = "killed"
    FAILED = "failed"
    CHANGED = "changed"
    REFUSED = "refused"
    TROUBLE = "trouble"
    STOPPING = "stopping"
    DOWN = "down"


class Journal:
    """Says lines such as `2026-11-26T06:15:00Z started orchestration=store_purchases due=2026-11-26T06:15:00Z`."""

    def __init__(self, say: Say, clock: Clock) -> None:
        self._say, self._clock = say, clock

    def __call__(self, change: Change, **values: object) -> None:
        """A line; values that are None are left out, texts with blanks are put in quotes."""
        told = [f"{key}={_written(value)}" for key, value in values.items() if value is not None]
        self._say(" ".join([as_words(self._clock()), change.value, *told]))


def as_words(moment: datetime) -> str:
    """A moment in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _written(value: object) -> str:
    text = as_words(value) if isinstance(value, datetime) else str(value)
    is_plain = text and text.isprintable() and not set(text) & set(' "=')
    return text if is_plain else json.dumps(text, ensure_ascii=False)
