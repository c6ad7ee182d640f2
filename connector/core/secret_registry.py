"""Values of secrets that this process has read, and their removal from whatever it prints."""

import json

_SHORTEST = 4
"""A shorter value would remove parts of ordinary words."""

_values: set[str] = set()


def remember_secret(value: str) -> None:
    """Remove a value, in any form in which messages quote it, from all that is printed from now on.

    Of a URL, its user and password are removed by themselves as well.
    """
    from urllib.parse import quote, unquote

    user, _, password = value.partition("://")[2].rpartition("@")[0].partition(":")
    for text in {value, *value.splitlines(), user, password, unquote(user), unquote(password)}:
        stripped = text.strip()
        if len(stripped) >= _SHORTEST:
            _values.update((stripped, json.dumps(stripped)[1:-1], repr(stripped)[1:-1], quote(stripped, safe="")))


def without_secrets(text: str) -> str:
    """Return a text without the values of secrets."""
    if not _values:
        return text
    from connector.core.redaction import REDACTED

    for value in sorted(_values, key=len, reverse=True):
        text = text.replace(value, REDACTED)
    return text
