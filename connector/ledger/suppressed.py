"""Those who are to be forgotten, known by digests alone."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import exists, insert, select

from connector.ledger.database import Database
from connector.ledger.runs import as_text
from connector.ledger.tables import receipts, suppressed


class SuppressedPersons:
    """Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, digests: Iterable[tuple[str, str]]) -> int:
        """Adds digests (64 hex digits), each with its kind; gives how many were not on the list yet."""
        added, now = 0, as_text(datetime.now(UTC))
        with self._database.writing() as connection:
            for digest, kind in digests:
                there = exists().where(suppressed.c.digest == digest, suppressed.c.kind == kind)
                if not connection.execute(select(there)).scalar_one():
                    connection.execute(insert(suppressed).values(digest=digest, kind=kind, since=now))
                    added += 1
        return added

    def digests(self, *kinds: str) -> list[str]:
        """All digests, each once, or those of some kinds."""
        query = select(suppressed.c.digest).distinct().order_by(suppressed.c.digest)
        if kinds:
            query = query.where(suppressed.c.kind.in_(kinds))
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def keep_receipt(self, receipt: dict[str, Any]) -> None:
        """Keeps what was found and done."""
        with self._database.writing() as connection:
            connection.execute(insert(receipts).values(at=as_text(datetime.now(UTC)), receipt=receipt))

    def receipts(self) -> list[dict[str, Any]]:
        """All receipts, in their order."""
        with self._database.reading() as connection:
            return list(connection.execute(select(receipts.c.receipt).order_by(receipts.c.id)).scalars())
