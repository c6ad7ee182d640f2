"""Parsing of parameters of calls other than events."""

from collections.abc import Mapping
from typing import Any

import msgspec

from connector.simulator.messages import Request, RequestRefused

Parameters = Mapping[str, Any]


def json_body(request: Request) -> Parameters:
    """Parse the body, a JSON object. Raises RequestRefused with 40002."""
    try:
        body = msgspec.json.decode(request.body)
    except (ValueError, RecursionError):
        raise RequestRefused(40002, "Invalid JSON body.") from None
    if not isinstance(body, dict):
        raise RequestRefused(40002, "Invalid JSON body.")
    return body


def require(parameters: Parameters, *names: str) -> None:
    """Raise RequestRefused with 40002 if parameters are missing or empty (words of a live refusal)."""
    missing = [name for name in names if parameters.get(name) in (None, "", [])]
    if missing:
        raise RequestRefused(40002, f"Missing required field(s): {', '.join(missing)}.")


def string(parameters: Parameters, name: str, default: str = "") -> str:
    """Return a parameter that is a string; ids are strings too. Raises RequestRefused with 40002."""
    value = parameters.get(name, default)
    if not isinstance(value, str):
        raise RequestRefused(40002, f"Invalid value for {name}: not a valid string.")
    return value


def strings(parameters: Parameters, name: str) -> list[str]:
    """Return a list of strings, in a query as JSON; empty if it is missing. Raises RequestRefused with 40002."""
    value = parameters.get(name, [])
    try:
        items = msgspec.json.decode(value) if isinstance(value, str) else value
    except ValueError:
        items = None
    if not isinstance(items, list) or not all(isinstance(one, str) for one in items):
        raise RequestRefused(40002, f"Invalid value for {name}: not a valid list of strings.")
    return items


def choice(parameters: Parameters, name: str, *choices: str) -> str:
    """Return one of some words, the first if it is missing. Raises RequestRefused with 40002."""
    value = parameters.get(name, choices[0])
    if value not in choices:
        raise RequestRefused(40002, f"Invalid value for {name}: must be {' or '.join(choices)}.")
    return str(value)


def paginate(
    parameters: Parameters, entries: list[dict[str, Any]], maximum: int
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return one page of the entries, and `page_info`. Raises RequestRefused with 40002."""
    page, size = _number(parameters, "page", 1, 1_000_000), _number(parameters, "page_size", 10, maximum)
    pages = -(-len(entries) // size)
    info = {"page": page, "page_size": size, "total_number": len(entries), "total_page": pages}
    return entries[(page - 1) * size : page * size], info


def _number(parameters: Parameters, name: str, default: int, maximum: int) -> int:
    value = str(parameters.get(name, default))
    if not value.isdecimal() or not 1 <= int(value) <= maximum:
        raise RequestRefused(40002, f"Invalid value for {name}: must be from 1 to {maximum}.")
    return int(value)
