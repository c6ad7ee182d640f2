"""The login of a Databricks SQL warehouse: the driver's arguments from the settings."""

import socket
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from databricks.sql.auth.authenticators import CredentialsProvider
from sqlalchemy import URL

from connector.config.warehouse import Warehouse
from connector.core.version import DISTRIBUTION
from connector.errors import ConfigurationError
from connector.sources.warehouse_url import read_url

_DEFAULTS = {
    "user_agent_entry": DISTRIBUTION,
    # Nothing is told to anybody who was not asked.
    "enable_telemetry": False,
    # More would hold more parts of a result in memory.
    "max_download_threads": 2,
}
_SHAPE = "databricks://HOST?http_path=/sql/1.0/warehouses/ID&catalog=C&schema=S"
_OWN_OPTIONS = frozenset({"token_url"})
_TOKEN_SECONDS = 30
_REACH_SECONDS = 30
_EARLY_SECONDS = 60
"""Before its end, a token is renewed by this much."""


def connect_arguments(warehouse: Warehouse) -> dict[str, Any]:
    """Return the driver's arguments. The URL overrides the defaults, and `options` override the URL.

    Raises ConfigurationError for a URL that names no host and HTTP path, and without anything to log in with.
    """
    url = read_url(warehouse, _SHAPE, lambda url: url.host and _http_path(warehouse, url))
    options: dict[str, Any] = {**url.query, **warehouse.options}
    login = _authentication(warehouse, url, options)
    port = {"_port": url.port} if url.port else {}
    arguments = {**_DEFAULTS, "server_hostname": url.host, **port, **options, **login}
    return {name: value for name, value in arguments.items() if name not in _OWN_OPTIONS}


def check_reachable(arguments: Mapping[str, Any]) -> None:
    """Connect to the host once: the driver would try for a quarter of an hour. Raises OSError.

    Through a proxy, only the driver can reach it.
    """
    address = urlsplit(str(arguments.get("_connection_uri") or f"https://{arguments['server_hostname']}"))
    if not requests.utils.get_environ_proxies(address.geturl(), no_proxy=None):
        port = int(address.port or arguments.get("_port") or 443)
        socket.create_connection((str(address.hostname), port), _REACH_SECONDS).close()


def _http_path(warehouse: Warehouse, url: URL) -> object:
    return url.query.get("http_path") or warehouse.options.get("http_path")


def _authentication(warehouse: Warehouse, url: URL, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the login: a personal access token, else the id and the secret of a service principal."""
    password = warehouse.password.get_secret_value() if warehouse.password else url.password
    if warehouse.token or (url.username == "token" and password):
        return {"access_token": warehouse.token.get_secret_value() if warehouse.token else password}
    if url.username and password:
        address = str(options.get("token_url") or f"https://{url.host}/oidc/v1/token")
        return {"credentials_provider": ServicePrincipal(address, url.username, password)}
    raise ConfigurationError(
        f'The warehouse "{warehouse.name}" has nothing to log in with: set token to a personal access token, or write '
        "the id of a service principal as user in the URL and set password to its secret."
    )


class ServicePrincipal(CredentialsProvider):  # type: ignore[misc]
    """The access tokens of a service principal, renewed before they end."""

    def __init__(self, address: str, client_id: str, secret: str) -> None:
        self._address, self._login = address, (client_id, secret)
        self._token, self._end = "", 0.0

    def auth_type(self) -> str:
        """Return the name of the way to log in."""
        return "oauth-m2m"

    def __call__(self, *_: Any, **__: Any) -> Any:
        """Return what makes the headers of each request."""
        return self._headers

    def _headers(self) -> dict[str, str]:
        if time.monotonic() >= self._end:
            form = {"grant_type": "client_credentials", "scope": "all-apis"}
            answer = requests.post(self._address, form, auth=self._login, timeout=_TOKEN_SECONDS)
            answer.raise_for_status()
            token = answer.json()
            self._token = str(token["access_token"])
            self._end = time.monotonic() + float(token.get("expires_in", 0)) - _EARLY_SECONDS
        return {"Authorization": f"Bearer {self._token}"}
