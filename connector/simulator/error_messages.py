"""TikTok's messages for invalid fields.

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
_NOUNS_OF_MISSING = {"event_time": "integer", "user": "object"}
_REQUIRED_LEAF = {"page": ".page.url", "app": ".app.app_id", "lead": ".lead.lead_id"}
"""The field to name if the object around it is missing."""


def validation_message(error: Exception, data: bytes, strictness: Strictness) -> str:
    """Describe the first invalid event; `error` is what parsing `data` raised."""
    error_text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return NO_JSON
    place = (match := _PLACE.search(error_text)) and match["place"]
    if not place:
        return _describe_list_problem(error_text)
    missing = _MISSING.search(error_text)
    field = place + (_REQUIRED_LEAF.get(missing[1], f".{missing[1]}") if missing else "")
    echoed = f" Got: {_value_at(place, data)}" if strictness.echo == "yes" and not missing else ""
    return f"Invalid value for {_format_place(field, strictness)}: {_describe_problem(error_text, field)}{echoed}"


def invalid_field(index: int, field: str, problem: str, strictness: Strictness) -> str:
    """Describe a field of the event at `index`, counted from 0."""
    return f"Invalid value for {_format_place(f'[{index}].{field}', strictness)}: {problem}"


def _describe_list_problem(error_text: str) -> str:
    if "<=" in error_text:
        return "Invalid value for data: at most 1000 events are allowed."
    return NO_DATA


def _describe_problem(error_text: str, field: str) -> str:
    if "enum" in error_text:
        return "not a standard event."
    if "missing" in error_text:
        return f"not a valid {_NOUNS_OF_MISSING.get(field.rpartition('.')[2], 'string')}."
    expected = _EXPECTED.match(error_text)
    return f"not a valid {_NOUNS.get(expected[1], 'string') if expected else 'number'}."


def _format_place(place: str, strictness: Strictness) -> str:
    """Format `[2].user.email[0]` as the strictness asks."""
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
