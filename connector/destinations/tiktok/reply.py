"""The outcome of an HTTP request to TikTok: an answer, or none."""

from dataclasses import dataclass

from connector.delivery.answer import Answer, Verdict

TIMEOUT_SECONDS = 60.0
"""The timeout of a whole attempt. TikTok documents none and is known to be slow under load."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP response. If the body is too large or cannot be decompressed, `body` is empty and `fault` says why."""

    status: int
    body: bytes
    seconds: float
    """The duration of the request."""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class NoReply:
    """A request without a response.

    The verdict is `RETRY` if the request certainly had no effect, `STOP` if no request can succeed, else `UNKNOWN`.
    """

    verdict: Verdict
    message: str
    seconds: float

    def answer(self, then: str = "") -> Answer:
        """Return an answer in place of TikTok's; `then` is added to a message that stops the run."""
        stopped = self.verdict is Verdict.STOP
        return Answer(self.verdict, message=self.message + then * stopped, seconds=self.seconds)
