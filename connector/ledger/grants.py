"""Grants of credentials that several machines use, encrypted by those who store them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from connector.ledger.database import Database, as_text
from connector.ledger.tables import grants


class Grants:
    """The table of grants, on PostgreSQL. What `write` wrote is on disk when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def locked(self, key: str, seconds: float) -> Iterator[None]:
        """Lock a grant, whether it is stored or not; other processes wait for so many seconds, and then fail.

        The server ends the lock of a process that stands still for longer.
        """
        with self._database.writing_one_row() as connection:
            for name in ("lock_timeout", "idle_in_transaction_session_timeout"):
                connection.execute(text(f"SET LOCAL {name} = '{round(seconds)}s'"))
            connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"grant {key}", 0))))
            yield

    def read(self, key: str) -> bytes | None:
        """Return a stored grant; None if there is none."""
        with self._database.reading() as connection:
            return connection.execute(select(grants.c.sealed).where(grants.c.key == key)).scalar_one_or_none()

    def add(self, key: str, sealed: bytes) -> None:
        """Store a grant unless there is one."""
        with self._database.writing_one_row() as connection:
            added = insert(grants).values(key=key, sealed=sealed, stored_at=as_text(datetime.now(UTC)))
            connection.execute(added.on_conflict_do_nothing())

    def write(self, key: str, sealed: bytes) -> None:
        """Store a grant in place of an earlier one."""
        values = {"sealed": sealed, "stored_at": as_text(datetime.now(UTC))}
        with self._database.writing_one_row() as connection:
            replaced = insert(grants).values(key=key, **values)
            connection.execute(replaced.on_conflict_do_update(index_elements=[grants.c.key], set_=values))
