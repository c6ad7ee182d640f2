"""The login of a PostgreSQL or Redshift warehouse: libpq's keywords from the settings."""

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from connector.config.warehouse import Warehouse
from connector.errors import ConfigurationError

_CONNECT_SECONDS = "30"


def connection_string(warehouse: Warehouse, tag: str | None) -> str:
    """Return libpq's keywords and values. Raises ConfigurationError for a URL that cannot be read.

    `token` is a password too: one that is created for each connection, as on RDS.
    """
    try:
        url = make_url(warehouse.url.get_secret_value())
    except (ArgumentError, ValueError):
        raise ConfigurationError(
            f'The URL of the warehouse "{warehouse.name}" cannot be read: it must look like '
            "postgresql://user@host:5432/database, special characters in the password as %XX."
        ) from None
    secret = warehouse.password or warehouse.token
    password = secret.get_secret_value() if secret else url.password
    address = {"host": url.host, "port": url.port, "user": url.username, "password": password, "dbname": url.database}
    defaults = {"connect_timeout": _CONNECT_SECONDS, **({"application_name": tag} if tag else {})}
    settings = {**defaults, **address, **url.query, **warehouse.options}
    return " ".join(f"{key}='{_escape(str(value))}'" for key, value in settings.items() if value is not None)


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("'", r"\'")
