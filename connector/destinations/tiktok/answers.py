"""Interpret TikTok's answers: the `code` in the body decides, whatever the HTTP status.

`/event/track/` answers with real HTTP statuses, other endpoints with 200 for nearly everything; 401
with code 40100 is throttling, not a bad token (agreed by several sources).
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from connector.delivery.answer import Answer, Verdict
from connector.destinations.tiktok.codes import (
    RULES,
    WRONG_EVENT_SOURCE,
    WRONG_TOKEN,
    Rule,
    rule_for_code,
    rule_for_status,
)
from connector.destinations.tiktok.redact import LONGEST_MESSAGE, LONGEST_READ, redact

if TYPE_CHECKING:
    from connector.destinations.tiktok.reply import Reply

THEN_RESUME = " Then run `connector resume`."

NO_ANSWER = "no TikTok answer"

MINUTE_PAUSE = 300.0
"""Seconds to pause once the limit per minute is reached (TikTok's page on rate limits)."""

LARGEST_CODE = 2**31
"""TikTok's codes have five digits."""

_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Lone surrogates, control characters other than white space, and marks that change the direction of a text."""

_PER_MINUTE = re.compile(r"\bQPM\b|\bminute", re.IGNORECASE)
_PER_DAY = re.compile(r"\bQPD\b|\bdaily\b|\bday\b", re.IGNORECASE)
_BAD_TOKEN = re.compile(
    r"\b(invalid|incorrect|wrong|revoked|illegal)\b.{0,20}\btoken\b"
    r"|\btoken\b.{0,20}\b(invalid|incorrect|wrong|revoked|illegal)\b",
    re.IGNORECASE,
)
_EXPIRED_TOKEN = re.compile(r"\btoken\b.{0,20}\bexpired\b|\bexpired\b.{0,20}\btoken\b", re.IGNORECASE)
_BAD_EVENT_SOURCE = re.compile(r"^\W*(invalid value for|missing\b.{0,20}:)\W*event_source(_id)?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Envelope:
    """TikTok's answer: `{"code", "message", "request_id", "data"}`; `data` may be absent."""

    code: int
    message: str
    request_id: str | None
    data: dict[str, Any] = field(default_factory=dict)


def read_envelope(body: bytes) -> Envelope | None:
    """Parse the envelope; return None for any other body (HTML of a gateway, plain text, other JSON).

    Characters that a ledger or a file cannot store are replaced.
    """
    try:
        parsed: Any = json.loads(body)
        if not body.isascii() or b"\\u" in body:
            parsed = _storable(parsed)
    except (ValueError, RecursionError):
        return None
    if not isinstance(parsed, dict) or not _is_code(parsed.get("code")):
        return None
    request_id, data = parsed.get("request_id"), parsed.get("data")
    message = text_of(parsed.get("message"))[:LONGEST_READ]
    return Envelope(parsed["code"], message, text_of(request_id) or None, data if isinstance(data, dict) else {})


def _is_code(value: object) -> bool:
    """Return whether a value is a return code: an integer, not a boolean, that a ledger can store."""
    return type(value) is int and abs(value) < LARGEST_CODE


def text_of(value: object) -> str:
    """Return a text as it is, an integer as digits, and anything else as an empty text."""
    return value if isinstance(value, str) else str(value) if type(value) is int else ""


def _storable(value: Any) -> Any:
    """Replace characters that no database stores or that control a terminal, in every text. Raises RecursionError."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value


def rule_of(envelope: Envelope) -> Rule:
    """Return the rule of the code, or a more specific one that the message implies.

    Some vendors treat 40100 as an invalid token if the message says so; the official list does not.
    """
    message = envelope.message
    if envelope.code == 40100 and _EXPIRED_TOKEN.search(message):
        return RULES[40102]
    if envelope.code == 40100 and _BAD_TOKEN.search(message):
        return WRONG_TOKEN
    if envelope.code in {40000, 40002} and _BAD_EVENT_SOURCE.search(message):
        return WRONG_EVENT_SOURCE
    return rule_for_code(envelope.code)


def read_answer(
    status: int,
    body: bytes,
    *,
    seconds: float,
    now: datetime,
    fault: str = "",
    secrets: Iterable[str] = (),
    rule_of: Callable[[Envelope], Rule] = rule_of,
) -> Answer:
    """Decide what to do after an answer. `now` is in UTC, because daily limits end at 00:00 UTC.

    Messages never contain `secrets`. `fault` says why there is no body to read.
    """
    envelope = read_envelope(body)
    if envelope is None:
        rule = rule_for_status(status)
        quote = f"HTTP {status}, {fault or NO_ANSWER}"
        return Answer(rule.verdict, status, None, _sentence(rule, quote), None, seconds)
    rule = rule_of(envelope)
    quote = redact(envelope.message, *secrets)
    wait = _window(envelope.message, now) or rule.wait if rule.verdict is Verdict.THROTTLED else None
    message = _sentence(rule, f"{quote or 'no message'} (code {envelope.code})") if rule.help else quote
    request_id = redact_id(envelope.request_id)
    return Answer(rule.verdict, status, envelope.code, message, request_id, seconds, wait)


def read_reply(
    reply: "Reply", *, now: datetime, secrets: Iterable[str] = (), rule_of: Callable[[Envelope], Rule] = rule_of
) -> Answer:
    """Decide what to do after an HTTP response, as `read_answer` does."""
    return read_answer(
        reply.status,
        reply.body,
        seconds=reply.seconds,
        now=now,
        fault=reply.fault,
        secrets=secrets,
        rule_of=rule_of,
    )


def rejects_token(answer: Answer) -> bool:
    """Return whether TikTok calls the access token wrong or revoked, as it may an old one after a refresh."""
    return answer.verdict is Verdict.STOP and answer.code in {40100, 40105}


def redact_id(request_id: str | None) -> str | None:
    """Reduce a request id to the characters that TikTok uses (letters, digits, hyphens), at most 80."""
    return re.sub(r"[^\w-]", "", request_id[:LONGEST_READ])[:80] if request_id else None


def _window(message: str, now: datetime) -> float | None:
    """Return the seconds until the limit that the message names ends; None if it names none."""
    if _PER_DAY.search(message):
        midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
        return (midnight - now).total_seconds()
    return MINUTE_PAUSE if _PER_MINUTE.search(message) else None


def _sentence(rule: Rule, quote: str) -> str:
    then = THEN_RESUME if rule.resumable else ""
    text = f"{rule.help}{then} TikTok said: {quote}" if rule.help else quote
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"
