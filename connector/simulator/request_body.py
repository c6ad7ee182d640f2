"""The parsed body of a request to `/event/track/`, or TikTok's message for its first error."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from connector.simulator.error_messages import NO_DATA, NO_JSON, validation_message
from connector.simulator.event_schema import EVENT_SOURCES, EventSchema, event_schema
from connector.simulator.messages import RequestRefused
from connector.simulator.strictness import Strictness

_DIGITS_ONLY = frozenset({"offline", "crm"})
_SOURCE = re.compile(rb'\s*\{\s*"event_source"\s*:\s*"(web|app|offline|crm)"')


class BodyEnvelope(msgspec.Struct):
    """The fields around the events, which the schema of their source parses."""

    event_source: Any = None
    event_source_id: Any = None
    test_event_code: Any = None
    data: msgspec.Raw = msgspec.Raw(b"")


_ENVELOPE = msgspec.json.Decoder(BodyEnvelope)


@dataclass(frozen=True, slots=True)
class TrackBody:
    """A well-formed body; `content` is its JSON."""

    content: bytes
    event_source: str
    event_source_id: str
    test_event_code: Any
    schema: EventSchema
    events: list[Any]

    def data(self) -> bytes:
        """Return the JSON list of the events."""
        return bytes(_ENVELOPE.decode(self.content).data)


def parse_body(content: bytes, strictness: Strictness) -> TrackBody:
    """Parse a body. Raises RequestRefused with 40002."""
    # Most bodies begin with their source and are valid, so that one pass is enough.
    return _parse_fast(content, strictness) or _parse_stepwise(content, strictness)


def _parse_fast(content: bytes, strictness: Strictness) -> TrackBody | None:
    source = _SOURCE.match(content)
    if source is None:
        return None
    schema = event_schema(source[1].decode(), strictness)
    try:
        body: Any = schema.bodies.decode(content)
    except (ValueError, RecursionError):
        return None
    return _build_body(content, body, schema, body.data) if _is_source_id(body) else None


def _parse_stepwise(content: bytes, strictness: Strictness) -> TrackBody:
    try:
        root = _ENVELOPE.decode(content)
    except (ValueError, RecursionError):
        raise RequestRefused(40002, NO_JSON) from None
    if root.event_source not in EVENT_SOURCES:
        raise RequestRefused(40002, "Invalid value for event_source: must be web, app or offline.")
    if not _is_source_id(root):
        raise RequestRefused(40002, "Invalid value for event_source_id: not a valid string.")
    schema, data = event_schema(root.event_source, strictness), bytes(root.data)
    try:
        return _build_body(content, root, schema, schema.events.decode(data))
    except (ValueError, RecursionError) as error:
        raise RequestRefused(40002, validation_message(error, data, strictness) if data else NO_DATA) from None


def _build_body(content: bytes, root: Any, schema: EventSchema, events: list[Any]) -> TrackBody:
    return TrackBody(content, root.event_source, root.event_source_id, root.test_event_code, schema, events)


def _is_source_id(root: Any) -> bool:
    """Test the id: offline and CRM event sets need digits; a pixel code is refused for them (live failures)."""
    source_id = root.event_source_id
    if not isinstance(source_id, str) or not source_id:
        return False
    return root.event_source not in _DIGITS_ONLY or source_id.isdecimal()
