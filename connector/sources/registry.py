"""Which module opens which kind of URL; nothing is imported before it is needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from connector.config.suggest import did_you_mean
from connector.errors import ConfigurationError
from connector.sources.source import Source

MODULES = {"duckdb": "connector.sources.duckdb"}
"""URL scheme (without the driver behind a plus sign) to the module that has `connect(url, directory)`."""


def scheme_of(url: str) -> str:
    """The kind of warehouse that a URL names. Raises ConfigurationError for one that cannot be read."""
    scheme = url.partition(":")[0].partition("+")[0].lower()
    if scheme in MODULES:
        return scheme
    known = ", ".join(f"{name}://" for name in MODULES)
    raise ConfigurationError(
        f'No warehouse of type "{scheme}" can be read: use one of {known}.{did_you_mean(scheme, list(MODULES))}'
    )


@contextmanager
def open_source(url: str, directory: Path) -> Iterator[Source]:
    """A connection to the warehouse at `url`; file paths are relative to `directory`.

    Raises ConfigurationError for an unknown kind of warehouse, SourceError where it cannot be opened.
    """
    source: Source = import_module(MODULES[scheme_of(url)]).connect(url, directory)
    try:
        yield source
    finally:
        source.close()
