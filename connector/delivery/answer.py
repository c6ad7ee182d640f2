"""What one attempt brought back, in words that fit any service."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What to do next, as the destination read the answer."""

    ACCEPTED = "accepted"
    RETRY = "retry"
    """Certainly not taken; a later attempt may be."""
    RETRY_NOW = "again"
    """Certainly not taken, and what stood in the way is gone: send it at once, and count no attempt."""
    THROTTLED = "throttled"
    """Too many requests: wait, and count no attempt."""
    REFUSED = "refused"
    """Something in this very batch is wrong; nothing of it was taken."""
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - a word, not a secret
    STOP = "stop"
    """Every other batch would be answered alike."""
    BLOCKED = "withheld"
    """It was not sent: this batch holds data that must not be sent."""
    UNKNOWN = "unknown"
    """No answer came: the batch may have been taken."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request, or what stands for it where none came.

    `message` names no person (the destination redacts it) and has at most 500 characters; for a
    verdict that stops the run it is the sentence the user is shown. `seconds` is how long the
    request took, `wait` how many seconds the service wants to be left alone (None: it did not say).
    """

    verdict: Verdict
    http_status: int | None = None
    code: int | None = None
    message: str = ""
    request_id: str | None = None
    seconds: float = 0.0
    wait: float | None = None
