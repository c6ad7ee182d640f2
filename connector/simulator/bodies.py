"""The body of a request to `/event/track/`, parsed, or TikTok's words for the first thing that is wrong with it."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from connector.simulator.messages import Refused
from connector.simulator.shapes import EVENT_SOURCES, Shape, shape
from connector.simulator.strictness import Strictness
from connector.simulator.wording import NO_DATA, NO_JSON, refusal

_DIGITS_ONLY = frozenset({"offline", "crm"})
_SOURCE = re.compile(rb'\s*\{\s*"event_source"\s*:\s*"(web|app|offline|crm)"')


class Root(msgspec.Struct):
    """What stands around the events, which are parsed by the shape of their source."""

    event_source: Any = None
    event_source_id: Any = None
    test_event_code: Any = None
    data: msgspec.Raw = msgspec.Raw(b"")


_ROOT = msgspec.json.Decoder(Root)


@dataclass(frozen=True, slots=True)
class Body:
    """A body of the right form; `whole` is its JSON."""

    whole: bytes
    event_source: str
    event_source_id: str
    test_event_code: Any
    shape: Shape
    events: list[Any]

    def data(self) -> bytes:
        """The JSON list of the events."""
        return bytes(_ROOT.decode(self.whole).data)


def read_body(whole: bytes, strictness: Strictness) -> Body:
    """Parse a body. Raises Refused with 40002."""
    # Most bodies begin with their source and are right, so that one pass is enough.
    return _read_at_once(whole, strictness) or _read_step_by_step(whole, strictness)


def _read_at_once(whole: bytes, strictness: Strictness) -> Body | None:
    source = _SOURCE.match(whole)
    if source is None:
        return None
    form = shape(source[1].decode(), strictness)
    try:
        read: Any = form.bodies.decode(whole)
    except (ValueError, RecursionError):
        return None
    return _body(whole, read, form, read.data) if _is_source_id(read) else None


def _read_step_by_step(whole: bytes, strictness: Strictness) -> Body:
    try:
        root = _ROOT.decode(whole)
    except (ValueError, RecursionError):
        raise Refused(40002, NO_JSON) from None
    if root.event_source not in EVENT_SOURCES:
        raise Refused(40002, "Invalid value for event_source: must be web, app or offline.")
    if not _is_source_id(root):
        raise Refused(40002, "Invalid value for event_source_id: not a valid string.")
    form, data = shape(root.event_source, strictness), bytes(root.data)
    try:
        return _body(whole, root, form, form.events.decode(data))
    except (ValueError, RecursionError) as error:
        raise Refused(40002, refusal(error, data, strictness) if data else NO_DATA) from None


def _body(whole: bytes, root: Any, form: Shape, events: list[Any]) -> Body:
    return Body(whole, root.event_source, root.event_source_id, root.test_event_code, form, events)


def _is_source_id(root: Any) -> bool:
    """The ids of offline and CRM event sets are digits; a pixel code given for one is refused so (live failures)."""
    source_id = root.event_source_id
    if not isinstance(source_id, str) or not source_id:
        return False
    return root.event_source not in _DIGITS_ONLY or source_id.isdecimal()
