"""One attempt at `/event/track/`, with whatever access token holds at the moment."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from connector.delivery.answer import Answer, Verdict
from connector.delivery.batch import Batch
from connector.destinations.tiktok.answers import calls_token_wrong, read_answer
from connector.destinations.tiktok.body import request_body
from connector.destinations.tiktok.redact import LONGEST_MESSAGE
from connector.destinations.tiktok.tokens import Tokens
from connector.destinations.tiktok.transport import TIMEOUT_SECONDS, Reply, Transport
from connector.errors import AuthorisationError

EVENT_TRACK = "/open_api/v1.3/event/track/"
"""Without the slash at the end TikTok's gateway answers 404 (agreed by several sources)."""

RENEWED = "The access token was dead; the request is sent again with the one that took its place."


class EventsClient:
    """Keeps up to `connections` connections open; used from as many threads.

    What is answered because of a dead token comes back as `AGAIN` where another token has taken its place,
    so that the same batch leaves again with that.
    """

    def __init__(
        self,
        api_url: str,
        tokens: Tokens,
        *,
        connections: int = 8,
        test_event_code: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._tokens = tokens
        self._test_event_code = test_event_code
        self._now = now
        self._transport = Transport(api_url, connections=connections, timeout=timeout)

    def attempt(self, batch: Batch) -> Answer:
        """Send the batch once. Raises for nothing that TikTok says or the network does."""
        try:
            token = self._tokens.current()
        except AuthorisationError as error:
            return _unauthorised(Answer(Verdict.RETRY), error)
        return self._heeded(self._asked(batch, token), token)

    def _asked(self, batch: Batch, token: SecretStr) -> Answer:
        reply = self._transport.post(EVENT_TRACK, request_body(batch, self._test_event_code), token)
        if not isinstance(reply, Reply):
            return Answer(reply.verdict, message=reply.message, seconds=reply.seconds)
        secret = token.get_secret_value()
        return read_answer(reply.status, reply.body, seconds=reply.seconds, now=self._now(), token=secret)

    def _heeded(self, answer: Answer, token: SecretStr) -> Answer:
        """The answer, after what it says about the token."""
        if answer.verdict is Verdict.ACCEPTED:
            self._tokens.accepted(token)
        expired = answer.verdict is Verdict.EXPIRED_TOKEN
        if not expired and not calls_token_wrong(answer):
            return answer
        try:
            replaced = self._tokens.replaced(token, expired=expired)
        except AuthorisationError as error:
            return _unauthorised(answer, error)
        return replace(answer, verdict=Verdict.AGAIN, message=RENEWED) if replaced else answer

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _unauthorised(answer: Answer, error: AuthorisationError) -> Answer:
    """What may pass is tried again; of the rest the run's end says how to go on."""
    if error.passing:
        return replace(answer, verdict=Verdict.RETRY, message=error.message[:LONGEST_MESSAGE])
    message = f"{error.help} Then run `connector resume`. {error.said}".strip()
    return replace(answer, verdict=Verdict.EXPIRED_TOKEN, message=message[:LONGEST_MESSAGE])
