"""The last look at a body before it leaves: nothing in it may name a person.

What the transform makes passes; this stands behind it. A hashed parameter has to hold 64 lower-case hex digits, or
a list of such. Anywhere else nothing may look like an e-mail address, or like a phone number written as one: with a
plus sign; or, where no ids, addresses of pages or words of browsers stand, with brackets or hyphens. A number in bare
digits cannot be told from an id.

A body has some 500 kB. Single bytes are looked for in all of it, patterns only where such a byte stands.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from connector.catalogue import PARAMETERS, Plain
from connector.delivery.batch import Batch
from connector.redaction import DIALLED_PHONE, SPACED_PHONE

EMAIL, PHONE, NO_DIGEST = "an e-mail address", "a phone number", "something else than a SHA-256"

_HASHED = tuple(f'"{one.path[-1]}":'.encode() for one in PARAMETERS if one.hashed)
_LENIENT = frozenset(one.path[-1].encode() for one in PARAMETERS if one.path and one.plain is not Plain.TEXT)
_EMAIL = re.compile(rb'(?:[^\s@"\\/:,;()<>=?&]|\\")(?:@|%40)(?:[\w\x80-\xff-]+\.)+[A-Za-z\x80-\xff]{2}')
_DIALLED, _SPACED = (re.compile(pattern.encode()) for pattern in (DIALLED_PHONE, SPACED_PHONE))
_AT, _PLUS, _BRACKET = (
    tuple((first, re.compile(re.escape(first) + rest)) for first, rest in pairs)
    for pairs in (((b"@", b""), (b"%", b"40")), ((b"+", b"[0-9(]"), (b"%", b"2[Bb]")), ((b"(", b"[0-9]"),))
)
"""What begins an address or a number, written plainly or as in the address of a page: a byte and what follows it."""
_SPEAKING = re.compile(r"[A-Za-z_][\w.$-]{0,59}")
_PART = 1 << 16
"""Bytes looked at in one go: what numpy then makes stays in the cache, and costs no fresh memory."""

Positions = npt.NDArray[np.intp]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Breach:
    """What keeps a body from leaving: the name of the parameter, what it holds, which event (from 0; None: unknown)."""

    parameter: str
    holds: str
    event: int | None = None


def breach_of_events(body: bytes) -> Breach | None:
    """What is wrong with the body of an `/event/track/` request, if anything."""
    return _numbered(body, "data", _in_events)


def breach_of_members(body: bytes) -> Breach | None:
    """What is wrong with the body of a `/segment/mapping/` request; its `event` is the row of `batch_data`."""
    return _numbered(body, "batch_data", _in_members)


def _in_events(body: bytes) -> Breach | None:
    keys = _Keys(body)
    ends = {literal: keys.ends(literal) for literal in _HASHED}
    if not _are_digests(body, np.concatenate(list(ends.values())) + 1):
        for literal, some in ends.items():
            if not _are_digests(body, keys.in_user(some) + 1):
                return Breach(literal[1:-2].decode(), NO_DIGEST)
    return _plain(body)


def _in_members(body: bytes) -> Breach | None:
    if not _are_digests(body, _Keys(body).ends(b'"id":') + 1):
        return Breach("id", NO_DIGEST)
    return _plain(body)


def withheld(breach: Breach, batch: Batch) -> str:
    """Why a batch was not sent; the sentence that the user is shown. It holds no value."""
    where = f"in batch {batch.number}"
    if breach.event is not None and breach.event < batch.events and batch.row_numbers:
        rows = batch.row_numbers(breach.event)
        where += (
            f", row{'s' * (len(rows) > 1)} {', '.join(f'{row:,}' for row in rows[:5])} of the result" if rows else ""
        )
    return (
        f"Nothing was sent of a request in which {breach.parameter} holds {breach.holds} ({where}). Mend the query or "
        "the template, and run it again: what was staged is then given up and read anew."
    )


def _numbered(body: bytes, name: str, look: Callable[[bytes], Breach | None]) -> Breach | None:
    """What `look` finds, with the number of the event that it is in."""
    breach = look(body)
    if breach is None:
        return None
    try:
        events = json.loads(body)[name]
    except (ValueError, KeyError, TypeError):
        return breach
    texts = (json.dumps([{}, one], ensure_ascii=False, separators=(",", ":")).encode() for one in events)
    return next((replace(found, event=n) for n, text in enumerate(texts) if (found := look(text))), breach)


class _Keys:
    """Where the keys of a body end: at a colon after a quote, which within a text has a backslash before it."""

    def __init__(self, body: bytes) -> None:
        self._body, self._bytes = body, np.frombuffer(body, np.uint8)
        colons = _where(self._bytes, lambda part: part == ord(":"))
        self._colons = colons[np.searchsorted(colons, 7) :]
        eights: npt.NDArray[np.uint64] = np.ndarray((max(len(body) - 7, 0),), "<u8", body, 0, (1,))
        self._tails = eights[self._colons - 7]

    def ends(self, literal: bytes) -> Positions:
        """The positions of the colons of a key, which is written with its quotes and colon."""
        tail, tails = literal[-8:], self._tails
        if len(tail) < 8:
            tails = tails >> np.uint64(8 * (8 - len(tail)))
        found = self._colons[np.flatnonzero(tails == int.from_bytes(tail, "little"))]
        starts = found - (len(literal) - 1)
        starts = starts[self._bytes[starts] == literal[0]] if len(literal) > 8 else starts
        if len(literal) > 8 and starts.size:
            starts = starts[(_rows(self._body, starts, len(literal)) == np.frombuffer(literal, np.uint8)).all(axis=1)]
        ends: Positions = starts + (len(literal) - 1)
        return ends

    def in_user(self, ends: Positions) -> Positions:
        """Those of the keys that stand in the `user` of an event, and not in properties of somebody's own."""
        user, properties = self.ends(b',"user":'), self.ends(b'"properties":')
        last_user = np.r_[-1, user][np.searchsorted(user, ends)]
        kept: Positions = ends[last_user > np.r_[-1, properties][np.searchsorted(properties, ends)]]
        return kept


def _are_digests(body: bytes, starts: Positions) -> bool:
    """Whether at each position a digest stands in quotes, or a list of them."""
    found = np.frombuffer(body, np.uint8)
    lists = starts[found[starts] == ord("[")]
    single = starts[found[starts] == ord('"')]
    if len(lists) + len(single) < len(starts) or not _quoted_digests(body, single):
        return False
    while lists.size:
        if not _quoted_digests(body, lists + 1):
            return False
        after = found[lists + 67]
        lists = lists[after == ord(",")] + 67
        if np.count_nonzero(after == ord("]")) + len(lists) < len(after):
            return False
    return True


def _quoted_digests(body: bytes, starts: Positions) -> bool:
    if not starts.size:
        return True
    if int(starts.max()) + 67 >= len(body):
        return False
    rows = _rows(body, starts, 66)
    digits = rows[:, 1:65]
    quoted = bool((rows[:, 0] == ord('"')).all() and (rows[:, 65] == ord('"')).all())
    return quoted and bool(((digits - ord("0") < 10) | (digits - ord("a") < 6)).all())


def _plain(body: bytes) -> Breach | None:
    """The first place that looks like an address or a phone number."""
    for at in _starts(_AT, body):
        if _EMAIL.match(body, max(at - 1, 0)) or _EMAIL.match(body, max(at - 2, 0)):
            return Breach(_speaking(_key_before(body, at)), EMAIL)
    for at in _starts(_PLUS, body):
        if _DIALLED.match(body, at):
            return Breach(_speaking(_key_before(body, at)), PHONE)
    for at in _spaced(body):
        if _SPACED.match(body, at) and (key := _key_before(body, at)) not in _LENIENT:
            return Breach(_speaking(key), PHONE)
    return None


def _starts(patterns: Iterable[tuple[bytes, re.Pattern[bytes]]], body: bytes) -> Iterator[int]:
    """Where one of them matches. Its first byte is looked for by itself: that is ten times as fast."""
    for first, pattern in patterns:
        at = body.find(first)
        while at >= 0:
            if pattern.match(body, at):
                yield at
            at = body.find(first, at + 1)


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
    parts = range(0, max(len(found) - reach, 0), _PART)
    return np.concatenate(
        [np.zeros(0, np.intp), *(np.flatnonzero(holds(found[at : at + _PART + reach])) + at for at in parts)]
    )


def _is_digit(found: Bytes) -> Mask:
    return found - ord("0") < 10


def _rows(body: bytes, starts: Positions, length: int) -> Bytes:
    """`length` bytes from each position; shape (n, length)."""
    windows = np.ndarray((len(body) - length + 1,), np.dtype((np.void, length)), body, 0, (1,))
    return windows[starts].view(np.uint8).reshape(-1, length)


def _key_before(body: bytes, at: int) -> bytes:
    """The name of the value at a position."""
    end = body.rfind(b'":', 0, at)
    while end > 0 and body[end - 1] == ord("\\"):
        end = body.rfind(b'":', 0, end)
    return body[body.rfind(b'"', 0, max(end, 0)) + 1 : max(end, 0)]


def _speaking(key: bytes) -> str:
    """The name, unless it could itself be what nobody is to read."""
    name = key.decode(errors="replace")
    return name if _SPEAKING.fullmatch(name) else "a property"
