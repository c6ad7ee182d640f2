"""A fault: what goes wrong, for which requests and how often."""

import fnmatch
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from connector.simulator.messages import API, Request


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong. Fields that are None take the kind's default, or match everything."""

    kind: str
    path: str = "/event/track/"
    """The end or the whole of the endpoint's path; `*` for all."""
    times: int | None = None
    """How many requests it applies to; None for all."""
    skip: int = 0
    """How many matching requests pass first."""
    every: int = 1
    """Of the others, only every so manyth is affected."""
    rate: int | None = None
    """Only requests above so many a second."""
    status: int | None = None
    code: int | None = None
    message: str | None = None
    seconds: float = 1.0
    """The delay of `slow`."""
    event_source_id: str | None = None
    """Only requests for this event source."""
    event: str | None = None
    event_id: str | None = None
    """Only events with this id; `*` is allowed."""
    field: str | None = None
    """Only events with this field, and `value` if it is set."""
    value: str | None = None
    share: float | None = None
    """Only so many of the events, from 0 to 1, always the same."""

    @property
    def needs_events(self) -> bool:
        """Whether it depends on what a request contains, so that the body has to be parsed first."""
        return self.kind in {"refuse", "no_permission"} or self.event_source_id is not None

    def matches_path(self, request: Request) -> bool:
        """Test whether the request goes to the endpoint."""
        return self.path in {"*", request.path} or request.path == f"{API}/{self.path.strip('/')}/"

    def matches_event(self, event: dict[str, Any]) -> bool:
        """Test whether it refuses this event, whose types are valid. Every field that is set has to match."""
        event_id = event.get("event_id", "")
        return (
            (self.event is None or event["event"] == self.event)
            and (self.event_id is None or fnmatch.fnmatchcase(event_id, self.event_id))
            and (self.field is None or _matches_value(_value_at(event, self.field), self.value))
            and (self.share is None or crc32(event_id.encode()) / 2**32 < self.share)
        )


def _value_at(value: Any, path: str) -> Any:
    """Return the value at a path such as `properties.contents.0.brand`, or None."""
    for name in path.split("."):
        if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            value = value.get(name) if isinstance(value, dict) else None
    return value


def _matches_value(value: Any, expected: str | None) -> bool:
    return value is not None and (expected is None or str(value) == expected)
