"""Send batches to `/event/track/`, one attempt at a time, with the current access token."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Lock
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from connector.config.network import DIRECT, Network
from connector.delivery.answer import Answer, Verdict
from connector.delivery.batch import Batch
from connector.destinations.guard import blocked_message, breach_of_events
from connector.destinations.tiktok.answers import THEN_RESUME, read_reply
from connector.destinations.tiktok.reply import TIMEOUT_SECONDS, Reply
from connector.destinations.tiktok.token_auth import TokenAuth
from connector.destinations.tiktok.tokens import Tokens

EVENT_TRACK = "/open_api/v1.3/event/track/"
"""Without the trailing slash, TikTok's gateway answers 404 (agreed by several sources)."""


class EventsClient:
    """Keeps up to `connections` connections open; used from as many threads.

    If the token was invalid and has been replaced, the answer's verdict is `RETRY_NOW`, so that the same batch is sent
    again with the new token.
    """

    def __init__(
        self,
        api_url: str,
        tokens: Tokens,
        *,
        connections: int = 8,
        test_event_code: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        network: Network = DIRECT,
        stop: Event | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        from connector.destinations.tiktok.transport import Transport

        self._auth = TokenAuth(tokens, then=THEN_RESUME)
        self._test_event_code = test_event_code
        self._now = now
        # Threads that did this at once would wait for one another and take twice the CPU time.
        self._preparing = Lock()
        self._transport = Transport(api_url, connections=connections, timeout=timeout, network=network, stop=stop)

    def attempt(self, batch: Batch) -> Answer:
        """Send the batch once, unless it contains personal data. No answer raises an error."""
        with self._preparing:
            body = request_body(batch, self._test_event_code)
            breach = breach_of_events(body)
        if breach:
            return Answer(Verdict.BLOCKED, message=blocked_message(breach, batch))
        return self._auth.request(lambda token: self._send(body, token))

    def _send(self, body: bytes, token: SecretStr) -> Answer:
        reply = self._transport.post(EVENT_TRACK, body, token)
        if not isinstance(reply, Reply):
            return reply.answer(THEN_RESUME)
        return read_reply(reply, now=self._now(), secrets=[token.get_secret_value()])

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def request_body(batch: Batch, test_event_code: str | None = None) -> bytes:
    """Return the batch's events in their envelope; the payload is inserted, never encoded again.

    `test_event_code` is at the root, beside `event_source` (TikTok's "verify setup" page; agreed
    by several sources).
    """
    root = {"event_source": batch.route.resource_type, "event_source_id": batch.route.resource_id}
    if test_event_code is not None:
        root["test_event_code"] = test_event_code
    head = json.dumps(root, ensure_ascii=False, separators=(",", ":"))[:-1]
    return b"".join((head.encode(), b',"data":[', batch.payload, b"]}"))
