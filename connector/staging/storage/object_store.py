"""Open the object store of an address such as `s3://bucket/prefix`, with the user's own credentials.

They are found as usual: in AWS's variables and files, and in Google's application default credentials.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from connector.errors import ConfigurationError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_CONNECT_SECONDS, _READ_SECONDS = 5, 30
"""With three attempts, a store that does not answer is given up after about two minutes."""
_RETRY_LIMIT = timedelta(seconds=30)

_PLAIN = "http"
_CREDENTIALS = re.compile(r"(?<=://)[^/@]*@")


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """The parts of an address."""

    scheme: str
    path: str
    """The bucket and the prefix."""
    user: str | None
    """The access key, if the address names one."""
    password: str | None
    options: Mapping[str, str]
    """The parameters after the question mark."""


def parse_address(address: str) -> StoreAddress:
    """Split an address into its parts. Raises ConfigurationError if it is not that of a store that is supported."""
    shown = display_folder(address)
    parts = urlsplit(address, allow_fragments=False)
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme not in _STORES:
        raise ConfigurationError(f'Unknown address "{shown}": use a path, or one of {", ".join(SCHEMES)}.')
    if not host:
        raise ConfigurationError(f'The address "{shown}" names no bucket: write {parts.scheme}://BUCKET/FOLDER.')
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := [*(options.keys() - _OPTIONS[parts.scheme])]:
        allowed = ", ".join(sorted(_OPTIONS[parts.scheme]))
        raise ConfigurationError(f'The address "{shown}" has an unknown parameter "{unknown[0]}": use {allowed}.')
    user, password = (unquote(text) if text else None for text in (parts.username, parts.password))
    return StoreAddress(parts.scheme, f"{host}{parts.path}".rstrip("/"), user, password, options)


def display_folder(address: str) -> str:
    """Return an address without the credentials and the parameters that it may contain."""
    return _CREDENTIALS.sub("…@", address.partition("?")[0])


def open_store(address: StoreAddress) -> "FileSystem":
    """Connect to a store. Nothing is requested from it yet."""
    return _STORES[address.scheme](address)


def _s3(address: StoreAddress) -> "FileSystem":
    from pyarrow.fs import S3FileSystem

    environ, options = os.environ, address.options
    endpoint = options.get("endpoint_override") or environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    keys = {"access_key": address.user, "secret_key": address.password} if address.user else {}
    return S3FileSystem(
        **keys,
        anonymous=_flag(options, "anonymous"),
        region=options.get("region") or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION"),
        **_endpoint(endpoint, options),
        connect_timeout=_CONNECT_SECONDS,
        request_timeout=_READ_SECONDS,
        allow_delayed_open=True,
    )


def _gcs(address: StoreAddress) -> "FileSystem":
    from pyarrow.fs import GcsFileSystem

    endpoint = address.options.get("endpoint_override")
    return GcsFileSystem(
        anonymous=_flag(address.options, "anonymous"),
        **_endpoint(endpoint, address.options),
        retry_time_limit=_RETRY_LIMIT,
    )


def _endpoint(endpoint: str | None, options: Mapping[str, str]) -> dict[str, Any]:
    """Return where to connect to; an endpoint may be written with its scheme."""
    if not endpoint:
        return {}
    scheme, mark, host = endpoint.partition("://")
    return {
        "endpoint_override": (host if mark else endpoint).rstrip("/"),
        "scheme": options.get("scheme") or (_PLAIN if mark and scheme == _PLAIN else "https"),
    }


def _flag(options: Mapping[str, str], name: str) -> bool:
    return options.get(name, "").lower() in {"1", "true"}


_STORES: Mapping[str, "Callable[[StoreAddress], FileSystem]"] = {"s3": _s3, "gs": _gcs, "gcs": _gcs}
_COMMON = frozenset({"endpoint_override", "scheme", "anonymous"})
_OPTIONS = {"s3": _COMMON | {"region"}, "gs": _COMMON, "gcs": _COMMON}
SCHEMES = ("file://", "s3://", "gs://")
"""The beginnings of addresses that are not paths."""
