"""Send HTTP requests to TikTok. This is the only module that uses the HTTP library."""

import re
import threading
import zlib
from collections.abc import Mapping
from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLCertVerificationError, SSLContext, SSLError
from time import perf_counter
from urllib.request import getproxies, proxy_bypass

import httpx
from pydantic import SecretStr

from connector.config.network import DIRECT, Network
from connector.core.local_server import is_loopback
from connector.core.version import __version__
from connector.delivery.answer import Verdict
from connector.destinations.tiktok.deadline import Backend, Deadline
from connector.destinations.tiktok.reply import TIMEOUT_SECONDS, NoReply, Reply
from connector.errors import ConfigurationError

CONNECT_SECONDS = 10.0
LARGEST_ANSWER = 1 << 20
"""Bytes of an answer that are read, compressed or not."""
_MOST_CODINGS = 5
_WINDOW_OF_ANY_FORMAT = 32 + zlib.MAX_WBITS

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
_CUT_SHORT = (httpx.WriteError, httpx.WriteTimeout, httpx.LocalProtocolError)
"""The request was not sent completely, so it cannot have taken effect."""

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "keep-alive",
    "Content-Type": "application/json",
    "User-Agent": f"connector/{__version__}",
}
_TOO_LARGE = "an answer of more than 1 MiB"
_NOT_DECOMPRESSED = "an answer that cannot be decompressed"

_CLOSED = re.compile(r"40[0-7]")
"""Statuses with which a proxy refuses for good; any other may be temporary."""
_CHECK_PROXY = "Check the user name and password in `proxy`, and whether it may be asked for this host."


class Transport:
    """Keeps up to `connections` connections open; used from as many threads.

    It uses HTTP/1.1 without redirects (they would send the token elsewhere) and without cookies. Requests to other
    machines go through the proxy of `network`, or that of the environment. `timeout` is in seconds, for a whole
    attempt; once `stop` is set, a running attempt ends within seconds.

    Raises ConfigurationError for certificates that cannot be read, and for a proxy that cannot be used.
    """

    def __init__(
        self,
        api_url: str,
        *,
        connections: int = 1,
        timeout: float = TIMEOUT_SECONDS,
        network: Network = DIRECT,
        stop: threading.Event | None = None,
    ) -> None:
        self._api_url, self._timeout = api_url.rstrip("/"), timeout
        self._urls: dict[str, httpx.URL] = {}
        here, proxy = is_loopback(api_url), network.proxy
        self._through = " through the proxy of the destination" if proxy and not here else ""
        self._deadline = Deadline(stop or threading.Event())
        self._http = _Http(
            Backend(self._deadline),
            verify=_trust(network.ca_file) if api_url.startswith("https:") else SSLContext(PROTOCOL_TLS_CLIENT),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            proxy=None if here else _proxy(api_url, proxy),
        )
        self._extensions = {"timeout": {"connect": min(timeout, CONNECT_SECONDS), "pool": timeout}}

    def post(self, path: str, content: bytes, token: SecretStr | None = None) -> Reply | NoReply:
        """Send a body to a path below `api_url`. No network error is raised."""
        return self._send("POST", path, token, content=content)

    def get(self, path: str, parameters: Mapping[str, str], token: SecretStr | None = None) -> Reply | NoReply:
        """Send parameters in the address. No network error is raised."""
        return self._send("GET", path, token, parameters=parameters)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def _url(self, path: str) -> httpx.URL:
        # Parsed once, not for every request.
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
        headers = {**_HEADERS, "Access-Token": token.get_secret_value()} if token else _HEADERS
        request = httpx.Request(
            method, self._url(path), content=content, params=parameters, headers=headers, extensions=self._extensions
        )
        started = perf_counter()
        self._deadline.begin(self._timeout)
        try:
            response = self._http.handle_request(request)
            try:
                body, fault = _body(response)
            finally:
                response.close()
        except httpx.HTTPError as error:
            return _no_reply(error, perf_counter() - started, httpx.URL(self._api_url).host, self._through)
        return Reply(response.status_code, body, perf_counter() - started, fault)


class _Http(httpx.HTTPTransport):
    """httpx's connections, opened by `backend`, for which httpx has no parameter."""

    def __init__(
        self, backend: Backend, *, verify: SSLContext, limits: httpx.Limits, proxy: httpx.Proxy | None
    ) -> None:
        try:
            super().__init__(verify=verify, limits=limits, proxy=proxy)
        except ImportError:
            raise ConfigurationError(
                "HTTPS_PROXY or ALL_PROXY of the environment names a SOCKS proxy, which is not supported here: name an "
                "HTTP proxy."
            ) from None
        self._pool._network_backend = backend


def _proxy(api_url: str, configured: SecretStr | None) -> httpx.Proxy | None:
    """Return the proxy of the destination, or that of the environment."""
    if configured:
        return httpx.Proxy(configured.get_secret_value())
    url = httpx.URL(api_url)
    address = getproxies().get(url.scheme) or getproxies().get("all")
    if not address or proxy_bypass(url.netloc.decode()):
        return None
    try:
        return httpx.Proxy(address if "://" in address else f"http://{address}")
    except (httpx.InvalidURL, ValueError):
        raise ConfigurationError(
            "HTTPS_PROXY or ALL_PROXY of the environment is not the address of a proxy: write it as "
            "http://proxy.example:3128."
        ) from None


def _body(response: httpx.Response) -> tuple[bytes, str]:
    """Return the answer's bytes, decompressed, or why there are none."""
    body = b""
    for piece in response.iter_raw():
        body += piece
        if len(body) > LARGEST_ANSWER:
            return b"", _TOO_LARGE
    codings = [one.strip() for one in response.headers.get("content-encoding", "").lower().split(",")]
    codings = [one for one in codings if one not in {"", "identity"}]
    if len(codings) > _MOST_CODINGS or any(one not in {"gzip", "x-gzip", "deflate"} for one in codings):
        return b"", _NOT_DECOMPRESSED
    try:
        for _ in codings:
            body = zlib.decompressobj(_WINDOW_OF_ANY_FORMAT).decompress(body, LARGEST_ANSWER + 1)
            if len(body) > LARGEST_ANSWER:
                return b"", _TOO_LARGE
    except zlib.error:
        return b"", _NOT_DECOMPRESSED
    return body, ""


def _untrusted(error: BaseException | None) -> SSLCertVerificationError | None:
    while error is not None and not isinstance(error, SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error


def _trust(ca_file: Path | None) -> SSLContext:
    """Return a context that trusts the usual authorities, or those of the environment, and those of a file."""
    context = httpx.create_ssl_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            why = "holds no certificate in PEM" if isinstance(error, SSLError) else error.strerror
            raise ConfigurationError(f"ca_file {ca_file} cannot be used: {why}.") from None
    return context


def _reason(error: httpx.HTTPError) -> str:
    """Return the system's reason for the end of a sentence, such as `: connection refused`, else the kind of error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror and not isinstance(cause, SSLError):
            return f": {cause.strerror.lower()}"
        cause = cause.__cause__ or cause.__context__
    return ": timed out" if isinstance(error, httpx.TimeoutException) else f" ({type(error).__name__})"


def _no_reply(error: httpx.HTTPError, seconds: float, host: str, through: str) -> NoReply:
    """Describe an error without the library's own message, which may quote headers and so the token."""
    why = _reason(error)
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
        return NoReply(Verdict.RETRY, f"No connection to TikTok{through}{why}.", seconds)
    if isinstance(error, _CUT_SHORT):
        return NoReply(Verdict.RETRY, f"The connection broke while sending{why}.", seconds)
    return NoReply(Verdict.UNKNOWN, f"No answer from TikTok{why}.", seconds)
