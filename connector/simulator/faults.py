"""A fault: what goes wrong on demand, for which requests and how often."""

import fnmatch
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from connector.simulator.messages import Request
from connector.simulator.paths import API


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong. Fields that are None are left to the kind, or match everything.

    `path` is the end or the whole of the endpoint's path, `times` how many requests it spoils, after the
    first `skip` that match and only every `every`th of them. `rate` spoils requests above so many a second.
    `event`, `event_id` (with `*`), `field` with `value`, and `share` (from 0 to 1, always the same events)
    choose events; `event_source_id` chooses requests.
    """

    kind: str
    path: str = "/event/track/"
    times: int | None = None
    skip: int = 0
    every: int = 1
    rate: int | None = None
    status: int | None = None
    code: int | None = None
    message: str | None = None
    seconds: float = 1.0
    event_source_id: str | None = None
    event: str | None = None
    event_id: str | None = None
    field: str | None = None
    value: str | None = None
    share: float | None = None

    @property
    def looks_inside(self) -> bool:
        """Whether it concerns what a request holds, so that it shows only once the body was read."""
        return self.kind in {"refuse", "no_permission"} or self.event_source_id is not None

    def concerns(self, request: Request) -> bool:
        """Whether the request goes to the endpoint."""
        return self.path in {"*", request.path} or request.path == f"{API}/{self.path.strip('/')}/"

    def refuses(self, event: dict[str, Any]) -> bool:
        """Whether it refuses this event, which is one by its types. All that is given has to fit."""
        event_id = event.get("event_id", "")
        return (
            (self.event is None or event["event"] == self.event)
            and (self.event_id is None or fnmatch.fnmatchcase(event_id, self.event_id))
            and (self.field is None or _fits(_at(event, self.field), self.value))
            and (self.share is None or crc32(event_id.encode()) / 2**32 < self.share)
        )


def _at(value: Any, path: str) -> Any:
    """The value at a path such as `properties.contents.0.brand`; None where there is none."""
    for name in path.split("."):
        if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            value = value.get(name) if isinstance(value, dict) else None
    return value


def _fits(found: Any, wanted: str | None) -> bool:
    return found is not None and (wanted is None or str(found) == wanted)
