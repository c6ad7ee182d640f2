"""Compile each statement on a ledger once in a process of tests, which open thousands of ledgers.

SQLAlchemy keeps compiled statements by engine and by the dialect object; those of SQLite are all alike.
"""

from typing import Any

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Engine
from sqlalchemy.util import LRUCache

MOST_STATEMENTS = 2_000


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
