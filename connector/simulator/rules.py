"""What `/event/track/` refuses, and what a careful sender does not send although it is taken.

Source: TikTok's reference page and texts of live failures; where they say nothing (the form of an
index, the status of each refusal) the simulator chooses. Refusals name the first invalid event,
counted from 0, and its field; nothing is taken of a refused request.
"""

from collections import Counter
from typing import Any

from connector.vocabulary import EMPTY_DIGEST, LEGACY_EVENTS, STANDARD_EVENTS

MOST_EVENTS = 1_000

EVENT_SOURCES = ("web", "app", "offline", "crm")

KNOWN_EVENTS = frozenset((*STANDARD_EVENTS, *LEGACY_EVENTS))

HASHED_FIELDS = ("email", "phone", "external_id", "first_name", "last_name", "zip_code")

_REQUIRED_OBJECT = {"web": ("page", "url"), "app": ("app", "app_id"), "crm": ("lead", "lead_id")}

Json = dict[str, Any]


def refusal(body: Any) -> str | None:
    """Why the request is refused as a whole (the message of a 40002), or None."""
    if not isinstance(body, dict):
        return "Invalid JSON body."
    return _root_refusal(body) or _events_refusal(body["event_source"], body["data"])


def violations(events: list[Json]) -> Counter[str]:
    """How many values per field are not what TikTok asks for, although it takes them.

    TikTok wants identifiers as 64 lower-case hexadecimal digits; whether it refuses others is unknown.
    """
    users = [user for event in events if (user := event.get("user"))]
    given = [value for user in users for field in HASHED_FIELDS if field in user for value in _values(user[field])]
    found: Counter[str] = Counter()
    if not _all_digests(given):
        for user in users:
            found.update(_faults(user))
    return found


def _values(value: Any) -> Any:
    return value if type(value) is list else (value,)


def _faults(user: Json) -> list[str]:
    return [
        f"{field} is the hash of nothing" if value == EMPTY_DIGEST else f"{field} is not hashed"
        for field in HASHED_FIELDS
        if field in user
        for value in _values(user[field])
        if not _all_digests([value])
    ]


def _all_digests(values: list[Any]) -> bool:
    """Whether all are digests of something; one look at all of them, since nearly always all are."""
    if not set(map(type, values)) <= {str} or not set(map(len, values)) <= {64}:
        return False
    joined = "".join(values).encode(errors="replace")
    return not joined.translate(None, b"0123456789abcdef") and EMPTY_DIGEST.encode() not in joined


def _root_refusal(body: Json) -> str | None:
    if body.get("event_source") not in EVENT_SOURCES:
        return "Invalid value for event_source: must be web, app or offline."
    source_id = body.get("event_source_id")
    numeric = body["event_source"] in {"offline", "crm"}
    if type(source_id) is not str or not source_id or (numeric and not source_id.isdecimal()):
        return "Invalid value for event_source_id: not a valid string."
    events = body.get("data")
    if type(events) is not list or not events:
        return "Missing required field(s): data."
    if len(events) > MOST_EVENTS:
        return f"Invalid value for data: at most {MOST_EVENTS} events are allowed."
    return None


def _events_refusal(source: str, events: list[Any]) -> str | None:
    required = _REQUIRED_OBJECT.get(source)
    for index, event in enumerate(events):
        problem = _event_refusal(source, event) or (required and _object_refusal(event, *required))
        if problem:
            field, what = problem
            return f"Invalid value for data.{index}{field}: {what}"
    return None


def _event_refusal(source: str, event: Any) -> tuple[str, str] | None:
    """The first wrong field of an event and what is wrong with it. The echo of values is TikTok's habit."""
    if type(event) is not dict:
        return "", "not a valid object."
    name = event.get("event")
    if type(name) is not str or not name:
        return ".event", "not a valid string."
    if source == "offline" and name not in KNOWN_EVENTS:
        return ".event", f"{name} is not a standard event."
    if type(event.get("event_time")) is not int:
        return ".event_time", "not a valid integer."
    if type(event.get("event_id", "")) is not str:
        return ".event_id", "not a valid string."
    return _objects_refusal(event)


def _objects_refusal(event: Json) -> tuple[str, str] | None:
    if type(event.get("user", {})) is not dict:
        return ".user", "not a valid object."
    properties = event.get("properties", {})
    if type(properties) is not dict:
        return ".properties", "not a valid object."
    contents = properties.get("contents", [])
    if type(contents) is not list:
        return ".properties.contents", "not a valid list."
    for position, content in enumerate(contents):
        if type(content) is not dict or type(content.get("content_id", "")) is not str:
            return f".properties.contents.{position}.content_id", "not a valid string."
    return None


def _object_refusal(event: Json, name: str, key: str) -> tuple[str, str] | None:
    part = event.get(name)
    if type(part) is dict and type(part.get(key)) is str and part[key]:
        return None
    return f".{name}.{key}", "not a valid string."
