"""Compile the statements of ledgers, create their tables and parse settings once in a process of tests.

A process opens thousands of ledgers and projects, which are alike. SQLAlchemy keeps compiled statements by engine and by the dialect object; those of SQLite are all alike.
"""

from functools import lru_cache
from typing import Any

import yaml
from sqlalchemy import Connection, text
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Engine
from sqlalchemy.util import LRUCache

from connector.config import yaml as settings
from connector.ledger.tables import metadata

MOST_STATEMENTS = 2_000
MOST_FILES = 500
_TABLES = text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")


def share_compiled_statements() -> None:
    """Make all SQLite engines of this process use one cache."""
    dialect: Any = SQLiteDialect_pysqlite
    dialect.__hash__ = lambda self: hash(type(self))
    dialect.__eq__ = lambda self, other: type(self) is type(other)
    engine: Any = Engine
    created, cache = engine.__init__, LRUCache[Any, Any](MOST_STATEMENTS)

    # SQLAlchemy looks up here which arguments engines take: `echo` is one that other libraries give.
    def create(
        self: Any, pool: Any, dialect: Any, url: Any, logging_name: Any = None, echo: Any = None, **options: Any
    ) -> None:
        created(self, pool, dialect, url, logging_name, echo, **options)
        if isinstance(dialect, SQLiteDialect_pysqlite):
            self._compiled_cache = cache

    engine.__init__ = create


def share_new_ledgers() -> None:
    """Create the tables of a new ledger in SQLite with the statements that created those of the first one."""
    ledger: Any = metadata
    created, statements = ledger.create_all, list[str]()

    def create(connection: Connection) -> None:
        is_new = isinstance(connection.dialect, SQLiteDialect_pysqlite) and not _tables(connection)
        if not is_new or not statements:
            created(connection)
        if not is_new:
            return
        for statement in statements:
            connection.exec_driver_sql(statement)
        statements[:] = statements or _tables(connection)

    ledger.create_all = create


def _tables(connection: Connection) -> list[str]:
    return [*connection.execute(_TABLES).scalars()]


def share_composed_files() -> None:
    """Compose a file of settings once, if it is read again as it was."""
    parser: Any = yaml
    composed = parser.compose

    @lru_cache(MOST_FILES)
    def compose(content: bytes) -> Any:
        return composed(content, settings.YamlLoader)

    def once(content: Any, *loader: Any, **named: Any) -> Any:
        return compose(content) if loader == (settings.YamlLoader,) else composed(content, *loader, **named)

    parser.compose = once
