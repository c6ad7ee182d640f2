"""Check each request body before it is sent: nothing in it may identify a person.

This is a second line of defense behind the transform. A hashed parameter must hold 64 lower-case hex digits, or a list
of such. No other value may be an e-mail address, in any encoding, or look like a phone number: with a plus sign, or,
in values that are not ids, page addresses or user agents, with brackets or hyphens. Bare digits cannot be
distinguished from an id.

A body has some 500 kB. One regular expression searches all of it for digests, and single bytes are each searched in
one call, because Python's threads wait for one another at every call. Only a body with a finding is parsed.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.catalogue import PARAMETERS, Plain
from connector.core.redaction import (
    ESCAPED,
    PERCENT_ENCODED,
    SPACED_PHONE,
    anonymous,
    holds_address,
    without_dialled,
)
from connector.core.typography import UNUSUAL_IN_BYTES
from connector.delivery.batch import Batch

_UNNAMED = "a property"
EMAIL, PHONE, NO_DIGEST = "an e-mail address", "a phone number", "something else than a SHA-256"

_HASHED = tuple(one.path[-1] for one in PARAMETERS if one.hashed)
_LENIENT = frozenset(one.path[-1].encode() for one in PARAMETERS if one.path and one.plain is not Plain.TEXT)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SPACED = re.compile(SPACED_PHONE.encode())
_BRACKET = ((b"(", re.compile(rb"\([0-9]")),)
_SUSPICIOUS = tuple(
    (first, re.compile(pattern))
    for first, pattern in (
        (b"@", rb'@[^"]*[.%&\\\[(]'),
        (b"+", rb"\+[0-9(%]"),
        (b"%", b"%2[Bb]|" + PERCENT_ENCODED.encode()),
        (b"#", ESCAPED.encode()),
    )
)
"""First bytes and their patterns: possible parts of an address, or starts of a number, in any encoding."""
_BESIDE = np.zeros(256, np.bool_)
_BESIDE[list(b"0123456789+()")] = True
_LEADS = np.zeros(256, np.bool_)
_LEADS[[0xD9, 0xDB, 0xE0, 0xE2, 0xEF]] = True
"""First bytes of digits and plus signs beyond ASCII."""
_ESCAPED = re.compile(ESCAPED.encode())
_NOWHERE = np.zeros(0, np.intp)
_LAST, _BEFORE_LAST = b")];", np.zeros(256, np.bool_)
_BEFORE_LAST[list(b"tTsbkrlme ")] = True
_HIDDEN = re.compile(rb"(?:[aA][tT] {0,2}[)\]]|(?:commat|plus|lpar|lsqb|lbrack|lcub|lbrace|percnt|bsol|num);)\Z")
"""The last bytes of an at sign in brackets, and of HTML's named characters. Curly brackets would take too long: bodies
are full of them, and the transform removes `{at}`."""
_UNUSUAL = re.compile(UNUSUAL_IN_BYTES)
_SPEAKING = re.compile(r"[A-Za-z_][\w.$-]{0,59}")
PART = 1 << 18
"""Bytes searched at once, so that numpy's temporary arrays stay in the cache."""

Positions = npt.NDArray[np.intp]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


_IN_USER = r'user":\{(?:[^"}]|"(?:[^"\\]|\\.)*")*'
"""Matches from the start of an event's `user` up to a place in it. Starting with a letter skips most of a body fast."""


def _undigested(names: Iterable[str], before: str = "") -> pc.MatchSubstringOptions:
    """Return a pattern that matches `before` and one of these keys with a value other than a digest or digests."""
    key, within = f'"(?:{"|".join(names)})":', r'(?:\[(?:"[0-9a-f]{64}",)*)?'
    wrong = r'(?:[^"\[]|"(?:[0-9a-f]{0,63}[^0-9a-f]|[0-9a-f]{64}[^"])|\[\[|\z)'
    return pc.MatchSubstringOptions(before + key + within + wrong)


_IN_EVENTS, _IN_MEMBERS = _undigested(_HASHED, _IN_USER), _undigested(["id"])


@dataclass(frozen=True, slots=True)
class Breach:
    """The reason why a body must not be sent."""

    parameter: str
    """The name of the parameter."""
    holds: str
    """The kind of data found, such as an e-mail address."""
    event: int | None = None
    """The index of the event; None: unknown."""


def breach_of_events(body: bytes) -> Breach | None:
    """Find a breach in the body of an `/event/track/` request."""
    return _breach(body, "data", _IN_EVENTS, lambda event: _wrong(event.get("user", {}), _HASHED))


def breach_of_members(body: bytes) -> Breach | None:
    """Find a breach in the body of a `/segment/mapping/` request; its `event` is the row of `batch_data`."""
    return _breach(
        body, "batch_data", _IN_MEMBERS, lambda row: next(filter(None, (_wrong(entry, ["id"]) for entry in row)), None)
    )


def breach_of_people(body: bytes, names: Sequence[str]) -> Breach | None:
    """Find a breach in a body of which each object of `data` has lists of digests under some of these names."""
    return _breach(body, "data", _undigested(names), lambda person: _wrong(person, names))


def _breach(
    body: bytes, name: str, undigested: pc.MatchSubstringOptions, wrong: Callable[[Any], str | None]
) -> Breach | None:
    if _holds(body, undigested):
        events = _events(body, name)
        if events is None:
            return Breach(_UNNAMED, NO_DIGEST)
        if found := next(((key, event) for event, one in enumerate(events) if (key := wrong(one))), None):
            return Breach(found[0], NO_DIGEST, found[1])
    plain = _plain(body)
    return plain and _numbered(plain, _events(body, name) or [])


def _events(body: bytes, name: str) -> list[Any] | None:
    try:
        events: list[Any] = json.loads(body)[name]
    except (ValueError, KeyError, TypeError):
        return None
    return events


def _holds(body: bytes, pattern: pc.MatchSubstringOptions) -> bool:
    buffers = [None, pa.py_buffer(np.array([0, len(body)], np.int64)), pa.py_buffer(body)]
    text = pa.Array.from_buffers(pa.large_binary(), 1, buffers)
    found: bool = pc.call_function("match_substring_regex", [text], pattern)[0].as_py()
    return found


def _wrong(holder: dict[str, Any], names: Iterable[str]) -> str | None:
    """Return the first of the names whose value is not a digest."""
    return next((name for name in names if name in holder and not _is_hashed(holder[name])), None)


def _is_hashed(value: object) -> bool:
    several = value if isinstance(value, list) else [value]
    return bool(several) and all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in several)


def blocked_message(breach: Breach, batch: Batch) -> str:
    """Return a message on a blocked batch, which contains no value of it."""
    rows = _rows(breach, batch)
    if batch.events == 1:
        of_result = f" ({rows})" if rows else ""
        return (
            f"Not sent: {breach.parameter} holds {breach.holds}{of_result}. Fix the query or the template, "
            "then run it again."
        )
    where = ", ".join(filter(None, (f"in batch {batch.number}", rows)))
    return (
        f"Nothing was sent of a request in which {breach.parameter} holds {breach.holds} ({where}). Fix the query or "
        "the template, and run it again: what was staged is then discarded and read again."
    )


def _rows(breach: Breach, batch: Batch) -> str:
    if breach.event is None or breach.event >= batch.events or not batch.row_numbers:
        return ""
    rows = batch.row_numbers(breach.event)
    return f"row{'s' * (len(rows) > 1)} {', '.join(f'{row:,}' for row in rows[:5])} of the result" if rows else ""


def _numbered(breach: Breach, events: Iterable[Any]) -> Breach:
    """Add the index of the event to a breach."""
    texts = (json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode() for one in events)
    return next((replace(found, event=n) for n, text in enumerate(texts) if (found := _plain(text))), breach)


def _plain(body: bytes) -> Breach | None:
    """Find the first text that looks like an address or a phone number."""
    for at in chain(_starts(_SUSPICIOUS, body), _escapes(body), _unusual(body), _hidden(body)):
        key, text = _key_before(body, at), _string_around(body, at)
        if text != (without_dialled if key in _LENIENT else anonymous)(text):
            return Breach(_speaking(key), EMAIL if holds_address(text) else PHONE)
    for at in _spaced(body):
        if (key := _key_before(body, at)) not in _LENIENT and _is_spaced(body, at):
            return Breach(_speaking(key), PHONE)
    return None


def _is_spaced(body: bytes, at: int) -> bool:
    """Return whether a phone number starts there; digits of an escape may precede it."""
    if _SPACED.match(body, at):
        return True
    text = _string_around(body, at) if b"\\" in body[max(at - 6, 0) : at] else ""
    return text != anonymous(text)


def _string_around(body: bytes, at: int) -> str:
    """Decode the JSON string that a position of a body is in."""
    start, end = body.rfind(b'"', 0, at), body.find(b'"', at)
    while start > 0 and _is_escaped(body, start):
        start = body.rfind(b'"', 0, start)
    while end > 0 and _is_escaped(body, end):
        end = body.find(b'"', end + 1)
    written = body[start + 1 : end if end >= 0 else len(body)].decode(errors="replace")
    try:
        return str(json.loads(f'"{written}"', strict=False))
    except ValueError:
        return written


def _is_escaped(body: bytes, at: int) -> bool:
    before = body[max(at - 100, 0) : at]
    return bool((len(before) - len(before.rstrip(b"\\"))) % 2)


def _starts(patterns: Iterable[tuple[bytes, re.Pattern[bytes]]], body: bytes) -> Iterator[int]:
    """Yield the positions of matches. Searching for the first byte alone is ten times as fast."""
    for first, pattern in patterns:
        at = body.find(first)
        while at >= 0:
            if pattern.match(body, at):
                yield at
            at = body.find(first, at + 1)


def _escapes(body: bytes) -> Iterator[int]:
    """Find JSON escapes of an at sign or a plus sign; most backslashes precede a quotation mark."""
    found = np.frombuffer(body, np.uint8)
    at = _where(found, lambda part: part == ord("\\"))
    after = found[np.minimum(at + 1, len(found) - 1)] if len(at) else found[:0]
    begins = (after == ord("u")) | (after == ord("x"))
    return (place for place in at[begins].tolist() if _ESCAPED.match(body, place))


def _hidden(body: bytes) -> Iterator[int]:
    """Find at signs in brackets, and characters by their names in HTML."""
    found = np.frombuffer(body, np.uint8)
    # Most bodies contain at most one of them, and one is found faster than all.
    ends = [one for one in _LAST if one in body]
    at = np.concatenate([_where(found, partial(np.equal, end)) for end in ends]) if ends else _NOWHERE
    likely = at[_BEFORE_LAST[found[at - 1]]].tolist()
    return (one for one in likely if _HIDDEN.search(body, max(one - 9, 0), one + 1))


def _unusual(body: bytes) -> Iterator[int]:
    """Find numbers that may be written with characters beyond ASCII; most bodies have none beside a digit."""
    found = np.frombuffer(body, np.uint8)
    if body.isascii():
        return
    high = _where(found, lambda part: part >= 0x80)
    beside = _BESIDE[found[high - 1]] | _BESIDE[found[np.minimum(high + 1, len(found) - 1)]]
    if (beside | _LEADS[found[high]]).any():
        yield from (match.start() for match in _UNUSUAL.finditer(body))


def _spaced(body: bytes) -> Iterator[int]:
    """Find brackets before a digit, and digits between hyphens or full stops, as in 212-555-0142."""
    yield from _starts(_BRACKET, body)
    found = np.frombuffer(body, np.uint8)
    at = _where(found, _separated, reach=11)
    yield from at[_is_digit(found[at]) & _is_digit(found[at + 5]) & _is_digit(found[at + 8])].tolist()


def _separated(part: Bytes) -> Mask:
    between = part - ord("-") < 2
    return between[3:-8] & between[7:-4]


def _where(found: Bytes, holds: Callable[[Bytes], Mask], reach: int = 0) -> Positions:
    """Return the positions at which a predicate holds that depends on a byte and the `reach` bytes after it."""
    parts = range(0, max(len(found) - reach, 0), PART)
    return np.concatenate([_NOWHERE, *(np.flatnonzero(holds(found[at : at + PART + reach])) + at for at in parts)])


def _is_digit(found: Bytes) -> Mask:
    return found - ord("0") < 10


def _key_before(body: bytes, at: int) -> bytes:
    """Return the name of the value at a position. A text may start with a colon, or contain an escaped one."""
    end = body.rfind(b'":', 0, at)
    while end > 0 and not _ends_name(body, end):
        end = body.rfind(b'":', 0, end)
    return body[body.rfind(b'"', 0, max(end, 0)) + 1 : max(end, 0)]


def _ends_name(body: bytes, end: int) -> bool:
    """Return whether the quotation mark there ends a member's name, which starts after a brace or a comma."""
    start = body.rfind(b'"', 0, end)
    return body[end - 1] != ord("\\") and body[max(start - 1, 0)] in b"{,"


def _speaking(key: bytes) -> str:
    """Return the name, unless it could itself be personal data."""
    name = key.decode(errors="replace")
    return name if _SPEAKING.fullmatch(name) else _UNNAMED
