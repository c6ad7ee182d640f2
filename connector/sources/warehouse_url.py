"""The URL and the options of a warehouse, for drivers that take them apart."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from connector.config.suggest import did_you_mean
from connector.config.warehouse import Warehouse
from connector.errors import ConfigurationError


def read_url(warehouse: Warehouse, shape: str, is_complete: Callable[[URL], object]) -> URL:
    """Return the URL. Raises ConfigurationError, with `shape`, if it cannot be read or is not complete."""
    try:
        url = make_url(warehouse.url.get_secret_value())
    except (ArgumentError, ValueError):
        url = None
    if url is None or not is_complete(url):
        raise url_error(warehouse, shape)
    return url


def url_error(warehouse: Warehouse, shape: str) -> ConfigurationError:
    """Return the error for a URL that is not of this shape."""
    return ConfigurationError(f'The URL of the warehouse "{warehouse.name}" has to look like {shape}.')


def read_options(warehouse: Warehouse, url: URL, known: Sequence[str]) -> dict[str, Any]:
    """Return the options; the settings override the URL. Raises ConfigurationError for an unknown one."""
    options: dict[str, Any] = {**url.query, **warehouse.options}
    for name in options:
        if name not in known:
            raise ConfigurationError(
                f'The warehouse "{warehouse.name}" has the unknown option "{name}": use one of {", ".join(known)}.'
                f"{did_you_mean(name, known)}"
            )
    return options
