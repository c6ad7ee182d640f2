"""The answer to one attempt, in terms that fit any destination."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The destination's decision about a batch, based on the answer to its request."""

    ACCEPTED = "accepted"
    """Every event was accepted."""
    RETRY = "retry"
    """Certainly not accepted; a later attempt may be."""
    RETRY_NOW = "again"
    """Certainly not accepted, and the obstacle is gone: send it again at once, and count no attempt."""
    THROTTLED = "throttled"
    """Too many requests: wait, and count no attempt."""
    REFUSED = "refused"
    """An event of this batch is wrong; no event of it was accepted."""
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - a word, not a secret
    """The token is no longer valid; no batch is accepted until it is renewed."""
    STOP = "stop"
    """Every other batch would get the same answer."""
    BLOCKED = "withheld"
    """Not sent: the batch holds data that must not be sent."""
    UNKNOWN = "unknown"
    """No answer arrived: the batch may have been accepted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request, or its substitute if no answer arrived."""

    verdict: Verdict
    """The decision about the batch."""
    http_status: int | None = None
    """The HTTP status; None if no response arrived."""
    code: int | None = None
    """The return code of the service, if it gave one."""
    message: str = ""
    """At most 500 characters, redacted by the destination. If the verdict stops the run, the user sees it."""
    request_id: str | None = None
    """The id that the service gave the request, for its support."""
    seconds: float = 0.0
    """The duration of the request."""
    wait: float | None = None
    """Seconds until the service accepts requests again; None if it did not say."""
