"""SQLAlchemy engines from a warehouse's settings, and SQLite's restriction to reading."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from connector.config.warehouse import Warehouse
from connector.core.disk import is_file
from connector.errors import ConfigurationError, Problem, Rule, SourceError
from connector.sources.driver_errors import error_text, missing_file_hint
from connector.sources.source_types import SQLALCHEMY_TYPES, missing_driver

_SQLITE_FORBIDDEN = frozenset({sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH})
_SQLITE_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "eval", "fsdir"})
"""Functions of some builds of SQLite that access files and programs."""

_SQLITE_LONGEST = 64 << 20
"""More than any request takes, and little enough to be made in no time: `zeroblob(1000000000)` takes half a minute."""

_SQLITE_READ_PRAGMAS = frozenset(
    {"data_version", "table_info", "table_xinfo", "table_list", "index_list", "index_info", "foreign_key_list"}
)
_SQLITE_SETTINGS = frozenset({("query_only", "ON"), ("read_uncommitted", None), ("page_size", None)})
"""Settings used after the restriction: by us, by SQLAlchemy and by full-text tables."""


def check_driver(warehouse: Warehouse) -> None:
    """Raise ConfigurationError for an invalid URL, and for a missing driver, with its name."""
    try:
        warehouse_url(warehouse).get_dialect().import_dbapi()
    except ModuleNotFoundError as error:
        raise missing_driver(f'The warehouse "{warehouse.name}"', error.name) from None
    except ImportError as error:
        message = f'The warehouse "{warehouse.name}" needs a driver that cannot be loaded: {error_text(error)}.'
        raise ConfigurationError([Problem(message, rule=Rule.MISSING_DRIVER)]) from None
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise ConfigurationError(
            f'The URL of the warehouse "{warehouse.name}" is not known to SQLAlchemy: it must look like '
            "mssql+pyodbc://user@host/database, special characters in the password as %XX."
        ) from None


def read_only_engine(warehouse: Warehouse, directory: Path) -> Engine:
    """Create an engine without pooled connections. Raises SourceError for a missing SQLite file."""
    url, options = warehouse_url(warehouse), warehouse.options
    if url.get_backend_name() != "sqlite":
        return create_engine(url, poolclass=NullPool, connect_args=dict(options))
    if url.database in {None, "", ":memory:"}:
        return create_engine(
            "sqlite://", creator=lambda: _restrict(sqlite3.connect(":memory:", check_same_thread=False, **options))
        )
    return _sqlite_engine(directory, str(url.database), options)


def warehouse_url(warehouse: Warehouse) -> URL:
    """Return the warehouse's URL with its password. Raises ArgumentError, ValueError or others for an invalid one."""
    url = make_url(warehouse.url.get_secret_value())
    secret = warehouse.password or warehouse.token
    if secret:
        url = url.set(password=secret.get_secret_value())
    known = SQLALCHEMY_TYPES.get(url.drivername)
    return url.set(drivername=known.drivername) if known and known.drivername else url


def _sqlite_engine(directory: Path, path: str, options: Mapping[str, Any]) -> Engine:
    """Create an engine for an existing file, opened for reading only."""
    file = directory / path
    if not is_file(file):
        raise SourceError(f'The warehouse file "{path}" does not exist.{missing_file_hint(file, directory)}')
    address = f"file:{quote(str(file))}?mode=ro"
    return create_engine(
        "sqlite://",
        poolclass=NullPool,
        creator=lambda: _restrict(sqlite3.connect(address, uri=True, check_same_thread=False, **options)),
    )


def _restrict(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Restrict a connection to reading values of at most _SQLITE_LONGEST bytes; sorting stays in memory."""
    for setting in ("temp_store = MEMORY", "query_only = ON"):
        connection.execute(f"PRAGMA {setting}")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _SQLITE_LONGEST)
    connection.set_authorizer(_authorize)
    return connection


def _authorize(action: int, name: str | None, value: str | None, *_: str | None) -> int:
    """Keep SQLite from opening other files, changing settings and calling functions that leave it.

    Writing to the file itself is impossible already: it is opened for reading only.
    """
    forbidden = (
        action in _SQLITE_FORBIDDEN
        or (action == sqlite3.SQLITE_FUNCTION and str(value).lower() in _SQLITE_FUNCTIONS)
        or (
            action == sqlite3.SQLITE_PRAGMA
            and name not in _SQLITE_READ_PRAGMAS
            and (name, value) not in _SQLITE_SETTINGS
        )
    )
    return sqlite3.SQLITE_DENY if forbidden else sqlite3.SQLITE_OK
