"""The login of a Trino warehouse: the client's session and requests, from the settings."""

from collections.abc import Mapping
from contextlib import suppress
from math import isfinite
from typing import Any

import requests
from sqlalchemy import URL
from trino.auth import Authentication, BasicAuthentication, JWTAuthentication
from trino.client import CODECS_UNAVAILABLE, ENCODINGS, ClientSession, TrinoRequest
from trino.transaction import NO_TRANSACTION

from connector.config.warehouse import Warehouse
from connector.core.version import DISTRIBUTION
from connector.errors import ConfigurationError
from connector.sources.warehouse_url import read_options, read_url

_SESSION_OPTIONS = (
    "session_properties",
    "roles",
    "client_tags",
    "extra_credential",
    "http_headers",
    "timezone",
    "encoding",
)
_OPTIONS = ("http_scheme", "verify", "request_timeout", *_SESSION_OPTIONS)
_SHAPE = "trino://USER@HOST:PORT/CATALOG/SCHEMA, special characters in the password as %XX"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TIMEOUT = 60
"""Seconds for the server to answer one request; it holds none for longer than some seconds."""
_PORTS = {"http": 8080, "https": 443}


def create_request(warehouse: Warehouse, tag: str | None) -> TrinoRequest:
    """Build the client; nothing is sent. Raises ConfigurationError for a URL or an option that cannot be used."""
    url = read_url(warehouse, _SHAPE, lambda url: url.host and url.username)
    options = read_options(warehouse, url, _OPTIONS)
    authentication = _authentication(warehouse, url)
    scheme = _scheme(warehouse, url, options, is_secret=authentication is not None)
    http_session = requests.Session()
    verify = options.get("verify", True)
    http_session.verify = {"true": True, "false": False}.get(str(verify).lower(), verify)
    return TrinoRequest(
        str(url.host),
        url.port or _PORTS[scheme],
        _session(url, options, tag),
        http_session,
        scheme,
        authentication,
        request_timeout=_seconds(options.get("request_timeout", _TIMEOUT), warehouse),
    )


def _seconds(value: object, warehouse: Warehouse) -> float:
    with suppress(ValueError):
        if isfinite(seconds := float(str(value))) and seconds > 0:
            return seconds
    raise ConfigurationError(
        f'The option "request_timeout" of the warehouse "{warehouse.name}" is "{value}"; it must be a number of '
        "seconds above 0."
    )


def _authentication(warehouse: Warehouse, url: URL) -> Authentication | None:
    if warehouse.token:
        return JWTAuthentication(warehouse.token.get_secret_value())
    password = warehouse.password.get_secret_value() if warehouse.password else url.password
    return BasicAuthentication(str(url.username), password) if password else None


def _scheme(warehouse: Warehouse, url: URL, options: Mapping[str, Any], *, is_secret: bool) -> str:
    """Return the protocol; a password never leaves this machine without encryption."""
    scheme = str(options.get("http_scheme") or ("https" if is_secret or url.port == _PORTS["https"] else "http"))
    if scheme not in _PORTS:
        raise ConfigurationError(f'The warehouse "{warehouse.name}" has the http_scheme "{scheme}": use http or https.')
    if scheme == "http" and is_secret and url.host not in _LOOPBACK:
        raise ConfigurationError(
            f'The warehouse "{warehouse.name}" would send its password without encryption: use http_scheme https.'
        )
    return scheme


def _session(url: URL, options: Mapping[str, Any], tag: str | None) -> ClientSession:
    catalog, _, schema = (url.database or "").partition("/")
    readable = [one for one in ENCODINGS if one.partition("+")[2] not in CODECS_UNAVAILABLE]
    tags = [tag] if tag else []
    return ClientSession(
        user=str(url.username),
        catalog=catalog or None,
        schema=schema or None,
        source=DISTRIBUTION,
        properties=options.get("session_properties"),
        roles=options.get("roles"),
        client_tags=[*tags, *options.get("client_tags", ())],
        extra_credential=options.get("extra_credential"),
        headers=options.get("http_headers"),
        timezone=options.get("timezone", "UTC"),
        encoding=options.get("encoding", readable),
        transaction_id=NO_TRANSACTION,
    )
