"""Reading the parameters of calls other than events."""

from collections.abc import Mapping
from typing import Any

import msgspec

from connector.simulator.messages import Refused, Request

Given = Mapping[str, Any]


def json_body(request: Request) -> Given:
    """The body, a JSON object. Raises Refused with 40002."""
    try:
        body = msgspec.json.decode(request.body)
    except (ValueError, RecursionError):
        raise Refused(40002, "Invalid JSON body.") from None
    if not isinstance(body, dict):
        raise Refused(40002, "Invalid JSON body.")
    return body


def required(given: Given, *names: str) -> None:
    """Raises Refused with 40002 for parameters that are missing or empty (words of a live refusal)."""
    missing = [name for name in names if given.get(name) in (None, "", [])]
    if missing:
        raise Refused(40002, f"Missing required field(s): {', '.join(missing)}.")


def text(given: Given, name: str, default: str = "") -> str:
    """A parameter that is a string; ids are strings too. Raises Refused with 40002."""
    value = given.get(name, default)
    if not isinstance(value, str):
        raise Refused(40002, f"Invalid value for {name}: not a valid string.")
    return value


def texts(given: Given, name: str) -> list[str]:
    """A parameter that is a list of strings, in a query as JSON; missing is empty. Raises Refused with 40002."""
    value = given.get(name, [])
    try:
        listed = msgspec.json.decode(value) if isinstance(value, str) else value
    except ValueError:
        listed = None
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise Refused(40002, f"Invalid value for {name}: not a valid list of strings.")
    return listed


def chosen(given: Given, name: str, *choices: str) -> str:
    """A parameter that is one of some words, the first when it is missing. Raises Refused with 40002."""
    value = given.get(name, choices[0])
    if value not in choices:
        raise Refused(40002, f"Invalid value for {name}: must be {' or '.join(choices)}.")
    return str(value)


def paged(given: Given, found: list[dict[str, Any]], most: int) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """One page of what was found, and `page_info`. Raises Refused with 40002."""
    page, size = _number(given, "page", 1, 1_000_000), _number(given, "page_size", 10, most)
    pages = -(-len(found) // size)
    info = {"page": page, "page_size": size, "total_number": len(found), "total_page": pages}
    return found[(page - 1) * size : page * size], info


def _number(given: Given, name: str, default: int, most: int) -> int:
    value = str(given.get(name, default))
    if not value.isdecimal() or not 1 <= int(value) <= most:
        raise Refused(40002, f"Invalid value for {name}: must be from 1 to {most}.")
    return int(value)
