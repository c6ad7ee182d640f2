"""The registry of warehouse types: entry points of the group `connector.sources`, imported when they are needed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from connector.config.destination_types import load_object
from connector.config.suggest import did_you_mean
from connector.config.warehouse import Warehouse
from connector.errors import ConfigurationError, SourceError
from connector.sources.driver_errors import OPEN_FAILED
from connector.sources.source import Source
from connector.sources.source_types import DIALECT_PACKAGES, SQLALCHEMY, SQLALCHEMY_TYPES, SourceType, missing_driver

GROUP = "connector.sources"
BUILT_IN: Mapping[str, str] = {
    "duckdb": "connector.sources.source_types:DUCKDB",
    "motherduck": "connector.sources.source_types:MOTHERDUCK",
    "snowflake": "connector.sources.source_types:SNOWFLAKE",
    "postgresql": "connector.sources.source_types:POSTGRESQL",
    "postgres": "connector.sources.source_types:POSTGRESQL",
    "bigquery": "connector.sources.source_types:BIGQUERY",
    "databricks": "connector.sources.source_types:DATABRICKS",
    "trino": "connector.sources.source_types:TRINO",
    "redshift": "connector.sources.source_types:REDSHIFT",
    "mysql": "connector.sources.source_types:MYSQL",
    "mariadb": "connector.sources.source_types:MYSQL",
    "clickhouse": "connector.sources.source_types:CLICKHOUSE",
}
"""The entry points of this distribution, by URL scheme without the driver behind a plus sign.

To look for those of others takes longer than to read a project file.
"""


def source_type(url: str) -> SourceType:
    """Return the type of warehouse of a URL. Raises ConfigurationError for an unknown one."""
    scheme = url.partition(":")[0].partition("+")[0].lower()
    if scheme in BUILT_IN:
        return _load(BUILT_IN[scheme])
    if scheme in SQLALCHEMY_TYPES:
        return SQLALCHEMY_TYPES[scheme]
    if scheme in _installed():
        return _load(_installed()[scheme])
    if scheme in _installed_dialects():
        return SQLALCHEMY
    if package := DIALECT_PACKAGES.get(scheme):
        raise missing_driver(f"{scheme}://", "its SQLAlchemy dialect", package)
    schemes = list(dict.fromkeys((*BUILT_IN, *SQLALCHEMY_TYPES, *_installed())))
    raise ConfigurationError(
        f'Unknown type of warehouse "{scheme}": use one of {", ".join(f"{name}://" for name in schemes)}, '
        f"or install the SQLAlchemy dialect for it.{did_you_mean(scheme, schemes)}"
    )


def check_driver(warehouse: Warehouse) -> None:
    """Check that the driver of a warehouse is installed, loading as little as possible.

    Raises ConfigurationError with what to install; also for an unknown type of warehouse.
    """
    found = source_type(warehouse.url.get_secret_value())
    if found.module == SQLALCHEMY.module:
        import_module(f"{SQLALCHEMY.module}_engine").check_driver(warehouse)
    elif found.driver and not _is_installed(found.driver):
        raise missing_driver(_describe(warehouse), found.driver, found.requirement)


@contextmanager
def open_source(warehouse: Warehouse, directory: Path, tag: str | None = None) -> Iterator[Source]:
    """Connect to a warehouse; file paths are relative to `directory`.

    `tag` names the application in the warehouse's history, if it has one. Raises ConfigurationError for an unknown
    type of warehouse or a missing driver, SourceError if it cannot be opened.
    """
    check_driver(warehouse)
    module = import_module(source_type(warehouse.url.get_secret_value()).module)
    with _named(warehouse):
        source: Source = module.connect(warehouse, directory, tag)
    try:
        yield source
    finally:
        source.close()


@contextmanager
def _named(warehouse: Warehouse) -> Iterator[None]:
    """Name the warehouse that could not be opened: a project has several."""
    try:
        yield
    except SourceError as error:
        rest = error.message.removeprefix(OPEN_FAILED)
        if rest == error.message:
            raise
        raise SourceError(f"{_describe(warehouse)} could not be opened{rest}", error.place) from None


def _describe(warehouse: Warehouse) -> str:
    return f'The warehouse "{warehouse.name}"'


@cache
def _installed() -> Mapping[str, str]:
    return {entry.name: entry.value for entry in sorted(entry_points(group=GROUP))}


@cache
def _load(value: str) -> SourceType:
    found: SourceType = load_object("type of warehouse", value)
    return found


def _installed_dialects() -> set[str]:
    return {entry.name.partition(".")[0] for entry in entry_points(group="sqlalchemy.dialects")}


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
