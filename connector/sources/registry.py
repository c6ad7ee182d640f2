"""The registry of warehouse types: the module that opens each, imported when it is needed."""

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

SQLALCHEMY_MODULE = "connector.sources.sqlalchemy"
SQLALCHEMY_DIALECTS = ("sqlite", "mysql", "mariadb", "mssql", "oracle")
"""SQLAlchemy's own dialects; installed dialects are accepted as well."""

_EXTRAS = {
    "connector.sources.snowflake": ("snowflake.connector", "snowflake"),
    _POSTGRESQL: ("adbc_driver_postgresql", "postgres"),
}
"""The driver of each module, and the extra that installs it."""


def warehouse_scheme(url: str) -> str:
    """Return the type of warehouse of a URL. Raises ConfigurationError for an unknown one."""
    scheme = url.partition(":")[0].partition("+")[0].lower()
    schemes = (*MODULES, *SQLALCHEMY_DIALECTS)
    if scheme in schemes or scheme in _installed_dialects():
        return scheme
    raise ConfigurationError(
        f'Unknown type of warehouse "{scheme}": use one of {", ".join(f"{name}://" for name in schemes)}, '
        f"or install the SQLAlchemy dialect for it.{did_you_mean(scheme, schemes)}"
    )


def check_driver(warehouse: Warehouse) -> None:
    """Check that the driver of a warehouse is installed, loading as little as possible.

    Raises ConfigurationError with what to install; also for an unknown type of warehouse.
    """
    url = warehouse.url.get_secret_value()
    module = MODULES.get(warehouse_scheme(url), SQLALCHEMY_MODULE)
    if module in _EXTRAS:
        driver, extra = _EXTRAS[module]
        if not _is_installed(driver):
            raise ConfigurationError(f"{_describe(warehouse)} needs {driver}: pip install 'sql-to-tiktok[{extra}]'.")
    elif module == SQLALCHEMY_MODULE:
        import_module(f"{SQLALCHEMY_MODULE}_engine").check_driver(warehouse)


@contextmanager
def open_source(warehouse: Warehouse, directory: Path, tag: str | None = None) -> Iterator[Source]:
    """Connect to a warehouse; file paths are relative to `directory`.

    `tag` names the application in the warehouse's history, if it has one. Raises ConfigurationError for an unknown
    type of warehouse or a missing driver, SourceError if it cannot be opened.
    """
    check_driver(warehouse)
    module = MODULES.get(warehouse_scheme(warehouse.url.get_secret_value()), SQLALCHEMY_MODULE)
    source: Source = import_module(module).connect(warehouse, directory, tag)
    try:
        yield source
    finally:
        source.close()


def _describe(warehouse: Warehouse) -> str:
    return f'The warehouse "{warehouse.name}"'


def _installed_dialects() -> set[str]:
    return {entry.name.partition(".")[0] for entry in entry_points(group="sqlalchemy.dialects")}


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
