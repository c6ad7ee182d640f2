"""Which module opens which kind of warehouse; nothing is imported before it is needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from connector.config.suggest import did_you_mean
from connector.config.warehouse import Warehouse
from connector.errors import ConfigurationError
from connector.sources.source import Source

_POSTGRESQL = "connector.sources.postgresql"
MODULES = {
    "duckdb": "connector.sources.duckdb",
    "snowflake": "connector.sources.snowflake",
    "postgresql": _POSTGRESQL,
    "postgres": _POSTGRESQL,
    "redshift": _POSTGRESQL,
}
"""URL scheme (without the driver behind a plus sign) to the module that has `connect(warehouse, directory, tag)`."""

OTHERS = "connector.sources.sqlalchemy"
WITH_SQLALCHEMY = ("sqlite", "mysql", "mariadb", "mssql", "oracle")
"""What SQLAlchemy knows by itself; dialects that are installed beside it come on top."""

_EXTRAS = {
    "connector.sources.snowflake": ("snowflake.connector", "snowflake"),
    _POSTGRESQL: ("adbc_driver_postgresql", "postgres"),
}
"""By module: the driver that it needs, and the extra that installs it."""


def scheme_of(url: str) -> str:
    """The kind of warehouse that a URL names. Raises ConfigurationError for one that cannot be read."""
    scheme = url.partition(":")[0].partition("+")[0].lower()
    known = (*MODULES, *WITH_SQLALCHEMY)
    if scheme in known or scheme in _installed_dialects():
        return scheme
    raise ConfigurationError(
        f'No warehouse of type "{scheme}" can be read: use one of {", ".join(f"{name}://" for name in known)}, '
        f"or install the SQLAlchemy dialect for it.{did_you_mean(scheme, known)}"
    )


def check_driver(warehouse: Warehouse) -> None:
    """Looks whether what reads this kind of warehouse is installed, without loading more than it has to.

    Raises ConfigurationError with what to install; also for an unknown kind of warehouse.
    """
    url = warehouse.url.get_secret_value()
    module = MODULES.get(scheme_of(url), OTHERS)
    if module in _EXTRAS:
        driver, extra = _EXTRAS[module]
        if not _is_installed(driver):
            raise ConfigurationError(f"{_named(warehouse)} needs {driver}: pip install 'connector[{extra}]'.")
    elif module == OTHERS:
        import_module(f"{OTHERS}_engine").check_driver(warehouse)


@contextmanager
def open_source(warehouse: Warehouse, directory: Path, tag: str | None = None) -> Iterator[Source]:
    """A connection to a warehouse; file paths are relative to `directory`.

    `tag` names what asks, where the warehouse's history has a place for it. Raises ConfigurationError for an unknown
    kind of warehouse and for a driver that is not installed, SourceError where it cannot be opened.
    """
    check_driver(warehouse)
    module = MODULES.get(scheme_of(warehouse.url.get_secret_value()), OTHERS)
    source: Source = import_module(module).connect(warehouse, directory, tag)
    try:
        yield source
    finally:
        source.close()


def _named(warehouse: Warehouse) -> str:
    return f'The warehouse "{warehouse.name}"'


def _installed_dialects() -> set[str]:
    return {entry.name.partition(".")[0] for entry in entry_points(group="sqlalchemy.dialects")}


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
