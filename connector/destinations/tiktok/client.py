"""One HTTP attempt at `/event/track/`. The only module that knows the HTTP library."""

import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter
from types import TracebackType
from typing import Self

import httpx
from pydantic import SecretStr

from connector import __version__
from connector.delivery.answer import Answer, Verdict
from connector.delivery.batch import Batch
from connector.destinations.tiktok.answers import read_answer
from connector.destinations.tiktok.body import request_body
from connector.errors import ConfigurationError

EVENT_TRACK = "/open_api/v1.3/event/track/"
"""Without the slash at the end TikTok's gateway answers 404 (agreed by several sources)."""

TIMEOUT_SECONDS = 60.0
"""For the answer. TikTok documents none; timeouts under load are known, hence patience."""
CONNECT_SECONDS = 10.0

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_CUT_SHORT = (httpx.WriteError, httpx.WriteTimeout, httpx.LocalProtocolError)
"""The request did not leave whole, so nothing of it can have been taken."""


class EventsClient:
    """Keeps up to `connections` connections open; used from as many threads.

    HTTP/1.1, no redirects (they would carry the token elsewhere), proxies of the environment only
    beyond this machine. Raises ConfigurationError for a token that no header can hold.
    """

    def __init__(
        self,
        api_url: str,
        token: SecretStr,
        *,
        connections: int = 8,
        test_event_code: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._url = api_url.rstrip("/") + EVENT_TRACK
        self._token = _sendable(token)
        self._test_event_code = test_event_code
        self._now = now
        self._http = httpx.Client(
            headers={"User-Agent": f"connector/{__version__}", "Content-Type": "application/json"},
            timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS), pool=None),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            follow_redirects=False,
            trust_env=not is_loopback(api_url),
        )

    def attempt(self, batch: Batch) -> Answer:
        """Send the batch once. Raises for nothing that TikTok says or the network does."""
        body = request_body(batch, self._test_event_code)
        token = self._token.get_secret_value()
        started = perf_counter()
        try:
            response = self._http.post(self._url, content=body, headers={"Access-Token": token})
        except httpx.HTTPError as error:
            return _no_answer(error, perf_counter() - started)
        seconds = perf_counter() - started
        return read_answer(response.status_code, response.content, seconds=seconds, now=self._now(), token=token)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine."""
    host = httpx.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _sendable(token: SecretStr) -> SecretStr:
    text = token.get_secret_value().strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigurationError("The access token is empty or holds characters that no token has.")
    return SecretStr(text)


def _no_answer(error: httpx.HTTPError, seconds: float) -> Answer:
    """The library's own words are left out: they may quote headers, and so the token."""
    kind = type(error).__name__
    if isinstance(error, _NEVER_SENT):
        return Answer(Verdict.RETRY, message=f"No connection to TikTok ({kind}).", seconds=seconds)
    if isinstance(error, _CUT_SHORT):
        return Answer(Verdict.RETRY, message=f"The connection broke while sending ({kind}).", seconds=seconds)
    return Answer(Verdict.UNKNOWN, message=f"No answer from TikTok ({kind}).", seconds=seconds)
