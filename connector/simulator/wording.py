"""TikTok's words for a field that is not as it should be.

Source: texts of live failures; how an event is numbered in them is unknown, hence settable.
"""

import re
from typing import Any

import msgspec

from connector.simulator.strictness import Strictness

NO_JSON = "Invalid JSON body."
NO_DATA = "Missing required field(s): data."
_PLACE = re.compile(r"(?: - at `\$(?P<place>[^`]*)`)?$")
_MISSING = re.compile(r"missing required field `(\w+)`")
_EXPECTED = re.compile(r"^Expected `([a-z]+)")
_NOUNS = {"int": "integer", "float": "number", "bool": "boolean", "object": "object", "array": "list"}
_MISSED = {"event_time": "integer", "user": "object"}
_INSIDE = {"page": ".page.url", "app": ".app.app_id", "lead": ".lead.lead_id"}
"""The field that is named when the object around it is missing."""


def refusal(error: Exception, data: bytes, strictness: Strictness) -> str:
    """The message for the first event that is not as it should be; `error` is what parsing `data` raised."""
    said = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return NO_JSON
    place = (found := _PLACE.search(said)) and found["place"]
    if not place:
        return _wrong_list(said)
    missing = _MISSING.search(said)
    field = place + (_INSIDE.get(missing[1], f".{missing[1]}") if missing else "")
    echoed = f" Got: {_value_at(place, data)}" if strictness.echo == "yes" and not missing else ""
    return f"Invalid value for {_numbered(field, strictness)}: {_wrong(said, field)}{echoed}"


def invalid(index: int, field: str, what: str, strictness: Strictness) -> str:
    """The message for a field of the event at `index`, counted from 0."""
    return f"Invalid value for {_numbered(f'[{index}].{field}', strictness)}: {what}"


def _wrong_list(said: str) -> str:
    if "<=" in said:
        return "Invalid value for data: at most 1000 events are allowed."
    return NO_DATA


def _wrong(said: str, field: str) -> str:
    if "enum" in said:
        return "not a standard event."
    if "missing" in said:
        return f"not a valid {_MISSED.get(field.rpartition('.')[2], 'string')}."
    expected = _EXPECTED.match(said)
    return f"not a valid {_NOUNS.get(expected[1], 'string') if expected else 'number'}."


def _numbered(place: str, strictness: Strictness) -> str:
    """`[2].user.email[0]` in the chosen form."""
    first = 0 if strictness.count_from == "zero" else 1
    number, _, inside = place.removeprefix("[").partition("]")
    index, path = int(number) + first, inside.removeprefix(".")
    if strictness.index == "none":
        return path or "data"
    if strictness.index == "brackets":
        return f"data[{index}]{inside}"
    root = "Batch" if strictness.index == "batch" else "data"
    return ".".join(filter(None, (root, str(index), re.sub(r"\[(\d+)\]", r".\1", path))))


def _value_at(place: str, data: bytes) -> str:
    value: Any = msgspec.json.decode(data)
    for name, number in re.findall(r"(\w+)|\[(\d+)\]", re.sub(r"\[(\d+)\]", r"[\1]", place)):
        value = value[name] if name and not name.isdecimal() else value[int(number or name)]
    return msgspec.json.encode(value).decode()
