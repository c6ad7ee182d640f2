"""The login of a Snowflake warehouse: the driver's arguments from the settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from connector.config.warehouse import Warehouse
from connector.sources.warehouse_url import read_url

_HOST_SUFFIX = ".snowflakecomputing.com"
_LOGIN_SECONDS = 60
_SHAPE = "snowflake://USER@ACCOUNT/DATABASE/SCHEMA?warehouse=W&role=R, special characters in the password as %XX"

_DEFAULTS = {
    # Tokens are not written to this machine's disk, and a session's queries end with it.
    "client_store_temporary_credential": False,
    "enable_server_session_keep_alive_auto_detection": False,
    "login_timeout": _LOGIN_SECONDS,
}


def login_arguments(warehouse: Warehouse, directory: Path, tag: str | None) -> dict[str, Any]:
    """Return the driver's arguments. The URL overrides the defaults, and `options` override the URL.

    Raises ConfigurationError for a URL that cannot be read or names no user and account.
    """
    url = read_url(warehouse, _SHAPE, lambda url: url.host and url.username)
    options: dict[str, Any] = {**url.query, **warehouse.options}
    tagged = {"QUERY_TAG": tag} if tag else {}
    session = {**tagged, **options.pop("session_parameters", {}), "MULTI_STATEMENT_COUNT": 1}
    secret = _authentication(warehouse, url, directory, options)
    return {**_DEFAULTS, **_account(url), "user": url.username, **options, **secret, "session_parameters": session}


def _account(url: URL) -> dict[str, Any]:
    database, _, schema = (url.database or "").partition("/")
    account = str(url.host).removesuffix(_HOST_SUFFIX)
    fields = {"account": account, "port": url.port, "database": database, "schema": schema}
    return {key: value for key, value in fields.items() if value}


def _authentication(warehouse: Warehouse, url: URL, directory: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the strongest authentication of the settings: a private key, a token, a password."""
    if warehouse.private_key_file:
        phrase = warehouse.private_key_passphrase
        passphrase = {"private_key_password": phrase.get_secret_value()} if phrase else {}
        file = str(directory / warehouse.private_key_file)
        return {"authenticator": "SNOWFLAKE_JWT", "private_key_file": file, **passphrase}
    if warehouse.token:
        return {"authenticator": options.get("authenticator", "oauth"), "token": warehouse.token.get_secret_value()}
    password = warehouse.password.get_secret_value() if warehouse.password else url.password
    return {"password": password} if password else {}
