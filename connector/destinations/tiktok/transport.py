"""One HTTP request to TikTok. The only module that knows the HTTP library."""

import ipaddress
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter

import httpx
from pydantic import SecretStr

from connector import __version__
from connector.delivery.answer import Verdict

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

# The library logs the address of each request, and one of TikTok's calls has the app's secret in its address.
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; `seconds` is how long it took."""

    status: int
    body: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class NoReply:
    """Nothing came back: `RETRY` where the request was certainly not carried out, else `UNKNOWN`."""

    verdict: Verdict
    message: str
    seconds: float


class Transport:
    """Keeps up to `connections` connections open; used from as many threads.

    HTTP/1.1, no redirects (they would carry the token elsewhere), proxies of the environment only
    beyond this machine. `timeout` is in seconds.
    """

    def __init__(self, api_url: str, *, connections: int = 1, timeout: float = TIMEOUT_SECONDS) -> None:
        self._api_url = api_url.rstrip("/")
        self._http = httpx.Client(
            headers={"User-Agent": f"connector/{__version__}", "Content-Type": "application/json"},
            timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS), pool=None),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            follow_redirects=False,
            trust_env=not is_loopback(api_url),
        )

    def post(self, path: str, content: bytes, token: SecretStr | None = None) -> Reply | NoReply:
        """Send a body to a path below `api_url`. Raises for nothing that the network does."""
        return self._send("POST", path, token, content=content)

    def get(self, path: str, parameters: Mapping[str, str], token: SecretStr | None = None) -> Reply | NoReply:
        """Ask with parameters in the address. Raises for nothing that the network does."""
        return self._send("GET", path, token, parameters=parameters)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def _send(
        self,
        method: str,
        path: str,
        token: SecretStr | None,
        *,
        content: bytes | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> Reply | NoReply:
        headers = {"Access-Token": token.get_secret_value()} if token else None
        started = perf_counter()
        try:
            response = self._http.request(
                method, self._api_url + path, content=content, params=parameters, headers=headers
            )
        except httpx.HTTPError as error:
            return _no_reply(error, perf_counter() - started)
        return Reply(response.status_code, response.content, perf_counter() - started)


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine."""
    host = httpx.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _no_reply(error: httpx.HTTPError, seconds: float) -> NoReply:
    """The library's own words are left out: they may quote headers, and so the token."""
    kind = type(error).__name__
    if isinstance(error, _NEVER_SENT):
        return NoReply(Verdict.RETRY, f"No connection to TikTok ({kind}).", seconds)
    if isinstance(error, _CUT_SHORT):
        return NoReply(Verdict.RETRY, f"The connection broke while sending ({kind}).", seconds)
    return NoReply(Verdict.UNKNOWN, f"No answer from TikTok ({kind}).", seconds)
