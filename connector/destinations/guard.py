"""The last look at a body before it leaves: nothing in it may name a person.

What the transform makes passes; this stands behind it. A hashed parameter has to hold 64 lower-case hex digits, or
a list of such. Anywhere else nothing may be an e-mail address, whatever its encoding, or look like a phone number
written as one: with a plus sign; or, where no ids, addresses of pages or words of browsers stand, with brackets or
hyphens. A number in bare digits cannot be told from an id.

A body has some 500 kB. Digests are looked at by one search through all of it, and single bytes are looked for, each
in one go: the more often Python's threads wait for one another, the longer it takes. Only a body in which something
is found is taken apart.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
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
"""A byte, and the pattern that begins with it: possible parts of an address, or starts of a number, in any encoding."""
_BESIDE = np.zeros(256, np.bool_)
_BESIDE[list(b"0123456789+()")] = True
_LEADS = np.zeros(256, np.bool_)
_LEADS[[0xD9, 0xDB, 0xE0, 0xE2, 0xEF]] = True
"""First bytes of digits and plus signs beyond ASCII."""
_ESCAPED = re.compile(ESCAPED.encode())
_NOWHERE = np.zeros(0, np.intp)
_LAST, _BEFORE_LAST = b")]};", np.zeros(256, np.bool_)
_BEFORE_LAST[list(b"tTsbkrlme ")] = True
_HIDDEN = re.compile(rb"(?:[aA][tT] {0,2}[)\]}]|(?:commat|plus|lpar|lsqb|lbrack|lcub|lbrace|percnt|bsol|num);)\Z")
"""The last bytes of an at sign in brackets and of HTML's names of signs."""
_UNUSUAL = re.compile(UNUSUAL_IN_BYTES)
_SPEAKING = re.compile(r"[A-Za-z_][\w.$-]{0,59}")
PART = 1 << 18
"""Bytes looked at in one go: what numpy then makes stays in the cache."""

Positions = npt.NDArray[np.intp]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


_IN_USER = r'user":\{(?:[^"}]|"(?:[^"\\]|\\.)*")*'
"""From what begins an event's `user` up to a place in it. A pattern that begins with a letter skips most of a body."""


def _undigested(names: Iterable[str], before: str = "") -> pc.MatchSubstringOptions:
    """Looks, after `before`, for one of these keys with anything but a digest, or a list of digests, after it."""
    key, within = f'"(?:{"|".join(names)})":', r'(?:\[(?:"[0-9a-f]{64}",)*)?'
    wrong = r'(?:[^"\[]|"(?:[0-9a-f]{0,63}[^0-9a-f]|[0-9a-f]{64}[^"])|\[\[|\z)'
    return pc.MatchSubstringOptions(before + key + within + wrong)


_IN_EVENTS, _IN_MEMBERS = _undigested(_HASHED, _IN_USER), _undigested(["id"])


@dataclass(frozen=True, slots=True)
class Breach:
    """What keeps a body from leaving: the name of the parameter, what it holds, which event (from 0; None: unknown)."""

    parameter: str
    holds: str
    event: int | None = None


def breach_of_events(body: bytes) -> Breach | None:
    """What is wrong with the body of an `/event/track/` request, if anything."""
    return _breach(body, "data", _IN_EVENTS, lambda event: _wrong(event.get("user", {}), _HASHED))


def breach_of_members(body: bytes) -> Breach | None:
    """What is wrong with the body of a `/segment/mapping/` request; its `event` is the row of `batch_data`."""
    return _breach(
        body, "batch_data", _IN_MEMBERS, lambda row: next(filter(None, (_wrong(entry, ["id"]) for entry in row)), None)
    )


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
    """The first of the names under which no digest stands."""
    return next((name for name in names if name in holder and not _is_hashed(holder[name])), None)


def _is_hashed(value: object) -> bool:
    several = value if isinstance(value, list) else [value]
    return bool(several) and all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in several)


def withheld(breach: Breach, batch: Batch) -> str:
    """Return why a batch was not sent, in a sentence for the user that holds no value."""
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
    """The same with the number of the event that it is in."""
    texts = (json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode() for one in events)
    return next((replace(found, event=n) for n, text in enumerate(texts) if (found := _plain(text))), breach)


def _plain(body: bytes) -> Breach | None:
    """The first place that looks like an address or a phone number."""
    for at in chain(_starts(_SUSPICIOUS, body), _escapes(body), _unusual(body), _hidden(body)):
        key, text = _key_before(body, at), _string_around(body, at)
        if text != (without_dialled if key in _LENIENT else anonymous)(text):
            return Breach(_speaking(key), EMAIL if holds_address(text) else PHONE)
    for at in _spaced(body):
        if (key := _key_before(body, at)) not in _LENIENT and _is_spaced(body, at):
            return Breach(_speaking(key), PHONE)
    return None


def _is_spaced(body: bytes, at: int) -> bool:
    """Tell whether a phone number begins there; what stands before it may be the digits of an escape."""
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
    """Where one of them matches. Its first byte is looked for by itself: that is ten times as fast."""
    for first, pattern in patterns:
        at = body.find(first)
        while at >= 0:
            if pattern.match(body, at):
                yield at
            at = body.find(first, at + 1)


def _escapes(body: bytes) -> Iterator[int]:
    """Where an escape of JSON stands for an @ or a plus sign; most backslashes stand before a quotation mark."""
    found = np.frombuffer(body, np.uint8)
    at = _where(found, lambda part: part == ord("\\"))
    after = found[np.minimum(at + 1, len(found) - 1)] if len(at) else found[:0]
    begins = (after == ord("u")) | (after == ord("x"))
    return (place for place in at[begins].tolist() if _ESCAPED.match(body, place))


def _hidden(body: bytes) -> Iterator[int]:
    """Where an at sign is written in brackets, or a sign by its name in HTML."""
    found = np.frombuffer(body, np.uint8)
    # Most bodies hold no more than one of them, in which one is looked for faster than all.
    ends = [one for one in _LAST if one in body]
    at = np.concatenate([_where(found, partial(np.equal, end)) for end in ends]) if ends else _NOWHERE
    likely = at[_BEFORE_LAST[found[at - 1]]].tolist()
    return (one for one in likely if _HIDDEN.search(body, max(one - 9, 0), one + 1))


def _unusual(body: bytes) -> Iterator[int]:
    """Where a number may be written with characters beyond ASCII; most bodies hold none beside a digit."""
    found = np.frombuffer(body, np.uint8)
    if body.isascii():
        return
    high = _where(found, lambda part: part >= 0x80)
    beside = _BESIDE[found[high - 1]] | _BESIDE[found[np.minimum(high + 1, len(found) - 1)]]
    if (beside | _LEADS[found[high]]).any():
        yield from (match.start() for match in _UNUSUAL.finditer(body))


def _spaced(body: bytes) -> Iterator[int]:
    """Where a bracket stands before a digit, or digits between hyphens or full stops, as in 212-555-0142."""
    yield from _starts(_BRACKET, body)
    found = np.frombuffer(body, np.uint8)
    at = _where(found, _separated, reach=11)
    yield from at[_is_digit(found[at]) & _is_digit(found[at + 5]) & _is_digit(found[at + 8])].tolist()


def _separated(part: Bytes) -> Mask:
    between = part - ord("-") < 2
    return between[3:-8] & between[7:-4]


def _where(found: Bytes, holds: Callable[[Bytes], Mask], reach: int = 0) -> Positions:
    """Where something holds that is to be told from a byte and the `reach` bytes after it."""
    parts = range(0, max(len(found) - reach, 0), PART)
    return np.concatenate([_NOWHERE, *(np.flatnonzero(holds(found[at : at + PART + reach])) + at for at in parts)])


def _is_digit(found: Bytes) -> Mask:
    return found - ord("0") < 10


def _key_before(body: bytes, at: int) -> bytes:
    """The name of the value at a position. A text may begin with a colon, or hold an escaped mark before one."""
    end = body.rfind(b'":', 0, at)
    while end > 0 and not _ends_name(body, end):
        end = body.rfind(b'":', 0, end)
    return body[body.rfind(b'"', 0, max(end, 0)) + 1 : max(end, 0)]


def _ends_name(body: bytes, end: int) -> bool:
    """Tell whether the mark there ends the name of a member: it begins behind a brace or a comma."""
    start = body.rfind(b'"', 0, end)
    return body[end - 1] != ord("\\") and body[max(start - 1, 0)] in b"{,"


def _speaking(key: bytes) -> str:
    """The name, unless it could itself be what nobody is to read."""
    name = key.decode(errors="replace")
    return name if _SPEAKING.fullmatch(name) else _UNNAMED
