"""Change the strings of a JSON text and nothing else."""

import json
import re
from collections.abc import Callable

_STRING = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?', re.DOTALL)


def is_json(text: str) -> bool:
    """Return whether a text is a JSON object or array."""
    if not text.startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def change_strings(text: str, change: Callable[[str], str]) -> str:
    """Apply `change` to each string of a JSON text, names of members included; distinct names stay distinct."""
    names: dict[str, str] = {}

    def replace(match: re.Match[str]) -> str:
        value, colon = json.loads(match[1]), match[2] or ""
        changed = change(value)
        if changed == value:
            return match[0]
        return _write(_distinct(names, value, changed) if colon else changed) + colon

    return _STRING.sub(replace, text)


def _distinct(names: dict[str, str], name: str, changed: str) -> str:
    """Add a number to a name that equals another one once they are changed."""
    if name not in names:
        number, alike = 1, changed
        while changed in names.values():
            number, changed = number + 1, f"{alike} {number + 1}"
        names[name] = changed
    return names[name]


def _write(text: str) -> str:
    """Return a JSON string; escape its characters if UTF-8 cannot encode them."""
    written = json.dumps(text, ensure_ascii=False)
    try:
        written.encode()
    except UnicodeEncodeError:
        return json.dumps(text)
    return written
