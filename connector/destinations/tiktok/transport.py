"""One HTTP request to TikTok. The only module that knows the HTTP library."""

import ipaddress
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLCertVerificationError, SSLContext, SSLError
from time import perf_counter

import httpx
from pydantic import SecretStr

from connector import __version__
from connector.config.network import DIRECT, Network
from connector.delivery.answer import Answer, Verdict
from connector.errors import ConfigurationError

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

_CLOSED = re.compile(r"40[0-7]")
"""How a proxy says no for good; what else it says may be different the next time."""
_CHECK_PROXY = "Check the user name and password in `proxy`, and whether it may be asked for this host."

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
    """Nothing came back: `RETRY` where the request was certainly not carried out, `STOP` where none would be, else
    `UNKNOWN`.
    """

    verdict: Verdict
    message: str
    seconds: float

    def answer(self, then: str = "") -> Answer:
        """What stands for the answer; `then` is what to do once nothing stands in the way any more."""
        stopped = self.verdict is Verdict.STOP
        return Answer(self.verdict, message=self.message + then * stopped, seconds=self.seconds)


class Transport:
    """Keeps up to `connections` connections open; used from as many threads.

    HTTP/1.1, no redirects (they would carry the token elsewhere). Beyond this machine, and nowhere else, through the
    proxy of `network`, or where it has none, that of the environment. `timeout` is in seconds.

    Raises ConfigurationError for certificates that cannot be read.
    """

    def __init__(
        self,
        api_url: str,
        *,
        connections: int = 1,
        timeout: float = TIMEOUT_SECONDS,
        network: Network = DIRECT,
    ) -> None:
        self._api_url = api_url.rstrip("/")
        self._urls: dict[str, httpx.URL] = {}
        here, proxy = is_loopback(api_url), network.proxy
        self._through = " through the proxy of the destination" if proxy and not here else ""
        self._http = httpx.Client(
            headers={"User-Agent": f"connector/{__version__}", "Content-Type": "application/json"},
            timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS), pool=None),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            follow_redirects=False,
            verify=_trust(network.ca_file) if api_url.startswith("https:") else SSLContext(PROTOCOL_TLS_CLIENT),
            proxy=proxy.get_secret_value() if proxy and not here else None,
            trust_env=not here and proxy is None,
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

    def _url(self, path: str) -> httpx.URL:
        # Taken apart once, not for every request.
        if path not in self._urls:
            self._urls[path] = httpx.URL(self._api_url + path)
        return self._urls[path]

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
            response = self._http.request(method, self._url(path), content=content, params=parameters, headers=headers)
        except httpx.HTTPError as error:
            return _no_reply(error, perf_counter() - started, httpx.URL(self._api_url).host, self._through)
        return Reply(response.status_code, response.content, perf_counter() - started)


def _untrusted(error: BaseException | None) -> SSLCertVerificationError | None:
    while error is not None and not isinstance(error, SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error


def is_loopback(url: str) -> bool:
    """Whether the URL's host is this machine."""
    host = httpx.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _trust(ca_file: Path | None) -> SSLContext:
    """The usual authorities, or those that the environment names, and the one of a file."""
    context = httpx.create_ssl_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            why = "holds no certificate in PEM" if isinstance(error, SSLError) else error.strerror
            raise ConfigurationError(f"ca_file {ca_file} cannot be used: {why}.") from None
    return context


def _no_reply(error: httpx.HTTPError, seconds: float, host: str, through: str) -> NoReply:
    """The library's own words are left out: they may quote headers, and so the token."""
    kind = type(error).__name__
    if (untrusted := _untrusted(error)) is not None:
        sentence = (
            f"The certificate that {host} shows is not trusted here ({untrusted.verify_message}); nothing was sent. "
            "If a proxy of your own opens the connection, name the certificate of its authority in `ca_file`."
        )
        return NoReply(Verdict.STOP, sentence, seconds)
    if isinstance(error, httpx.ProxyError) and (status := _CLOSED.match(str(error))):
        sentence = f"The proxy does not let the connection to {host} through (HTTP {status[0]}). {_CHECK_PROXY}"
        return NoReply(Verdict.STOP, sentence, seconds)
    if isinstance(error, _NEVER_SENT):
        return NoReply(Verdict.RETRY, f"No connection to TikTok{through} ({kind}).", seconds)
    if isinstance(error, _CUT_SHORT):
        return NoReply(Verdict.RETRY, f"The connection broke while sending ({kind}).", seconds)
    return NoReply(Verdict.UNKNOWN, f"No answer from TikTok ({kind}).", seconds)
