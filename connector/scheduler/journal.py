"""The journal of `connector start`: one line for each change of state."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum

Say = Callable[[str], None]
Clock = Callable[[], datetime]


class Change(StrEnum):
    """The kind of a line."""

    UP = "up"
    WAITING = "waiting"
    HELD = "held"
    STARTED = "started"
    ENDED = "ended"
    NOTED = "noted"
    KILLED = "killed"
    FAILED = "failed"
    PAUSED = "paused"
    UNPAUSED = "unpaused"
    CHANGED = "changed"
    REFUSED = "refused"
    TROUBLE = "trouble"
    STOPPING = "stopping"
    DOWN = "down"


OnChange = Callable[[Change, Mapping[str, object]], None]


class Journal:
    """Logs lines such as `2026-11-26T06:15:00Z started orchestration=store_purchases due=2026-11-26T06:15:00Z`."""

    def __init__(self, say: Say, clock: Clock) -> None:
        self._say, self._clock = say, clock
        self.on_change: OnChange | None = None
        """Called with each line too, once there is a ledger to write notices to."""

    def __call__(self, change: Change, **values: object) -> None:
        """Log a line; omit values that are None and quote texts with blanks."""
        pairs = [f"{key}={_quote(value)}" for key, value in values.items() if value is not None]
        self._say(" ".join([format_time(self._clock()), change.value, *pairs]))
        if self.on_change is not None:
            self.on_change(change, values)


def format_time(moment: datetime) -> str:
    """Format a moment in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _quote(value: object) -> str:
    text = format_time(value) if isinstance(value, datetime) else str(value)
    is_plain = text and text.isprintable() and not set(text) & set(' "=')
    return text if is_plain else json.dumps(text, ensure_ascii=False)
