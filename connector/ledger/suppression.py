"""The suppression list: the digests of persons to whom no run sends anything, and the receipts."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import exists, insert, select

from connector.ledger.database import Database, as_text
from connector.ledger.tables import receipts, suppressed


class SuppressionList:
    """The table of suppressed digests. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, digests: Iterable[tuple[str, str]]) -> int:
        """Add digests (64 hex digits), each with its kind; return the number of those that are new."""
        added, since = 0, as_text(datetime.now(UTC))
        with self._database.writing() as connection:
            for digest, kind in digests:
                is_listed = exists().where(suppressed.c.digest == digest, suppressed.c.kind == kind)
                if not connection.execute(select(is_listed)).scalar_one():
                    connection.execute(insert(suppressed).values(digest=digest, kind=kind, since=since))
                    added += 1
        return added

    def digests(self, *kinds: str) -> list[str]:
        """Return all distinct digests, or those of some kinds."""
        query = select(suppressed.c.digest).distinct().order_by(suppressed.c.digest)
        if kinds:
            query = query.where(suppressed.c.kind.in_(kinds))
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def add_receipt(self, receipt: dict[str, Any]) -> None:
        """Add the receipt of a suppression."""
        with self._database.writing() as connection:
            connection.execute(insert(receipts).values(at=as_text(datetime.now(UTC)), receipt=receipt))

    def receipts(self) -> list[dict[str, Any]]:
        """Return all receipts, in order."""
        with self._database.reading() as connection:
            return list(connection.execute(select(receipts.c.receipt).order_by(receipts.c.id)).scalars())
