"""Values of secrets that this process has read, and their removal from the texts that it prints for people.

Only free text is changed: errors, messages, notes, log lines. In ids, times, statuses, keys and data, a secret that is
an ordinary word stands by chance: there its removal would break what programs read, and give the secret away.
"""

import json
import re
from typing import Any

SHORTEST = 4
"""Characters. A shorter value stands in too many texts by chance."""
_SHORTEST_IN_WORDS = 8
"""Characters. A shorter value is removed where it is a whole word, such as a year, but not inside of others."""
_BEFORE_WORD, _AFTER_WORD = r"(?:(?<!\w)|(?<=\\[nrt])|(?<=%[0-9A-F]{2}))", r"(?!\w)"
"""An escaped line break or character, as `\\n` and `%20`, ends a word as well."""

_FREE_TEXT = frozenset(
    "error message sentence notes changes warnings problems would_fail too_many_rejects why_not from to".split()
)
"""Keys of printed objects whose texts are sentences, or settings that are compared."""
_DATA = frozenset({"requests", "left_out", "reject_examples", "rows"})
"""Keys of printed objects that hold payloads and rows."""

_values: set[str] = set()


def remember_secret(value: str) -> None:
    """Remove a value, in any form in which messages quote it, from all free text that is printed from now on.

    Of a URL, its user and password are removed by themselves as well.
    """
    from urllib.parse import quote, unquote

    user, _, password = value.partition("://")[2].rpartition("@")[0].partition(":")
    for text in {value, *value.splitlines(), user, password, unquote(user), unquote(password)}:
        stripped = text.strip()
        if not is_too_short(stripped):
            _values.update((stripped, json.dumps(stripped)[1:-1], repr(stripped)[1:-1], quote(stripped, safe="")))


def is_too_short(value: str) -> bool:
    """Return true if a secret is too short to be removed from what is printed."""
    return len(value.strip()) < SHORTEST


def without_secrets(text: str) -> str:
    """Return a text without the values of secrets."""
    if not _values:
        return text
    from connector.core.redaction import REDACTED

    for value in sorted(_values, key=len, reverse=True):
        if len(value) >= _SHORTEST_IN_WORDS:
            text = text.replace(value, REDACTED)
        elif value in text:
            text = re.sub(_pattern(value), REDACTED, text)
    return text


def _pattern(value: str) -> str:
    before, after = (_BEFORE_WORD * value[0].isalnum(), _AFTER_WORD * value[-1].isalnum())
    return f"{before}{re.escape(value)}{after}"


def without_secrets_in_texts(value: Any, *, is_text: bool = False) -> Any:
    """Return an object for JSON whose sentences are without the values of secrets, and the rest as it is."""
    if not _values:
        return value
    if isinstance(value, str):
        return without_secrets(value) if is_text else value
    if isinstance(value, list | tuple):
        return [without_secrets_in_texts(item, is_text=is_text) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: inner if key in _DATA else without_secrets_in_texts(inner, is_text=key in _FREE_TEXT)
        for key, inner in value.items()
    }
