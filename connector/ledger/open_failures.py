"""The orchestrations that have failed and not completed since."""

from datetime import UTC, datetime

from sqlalchemy import delete, insert, select

from connector.ledger.database import Database
from connector.ledger.runs import as_text
from connector.ledger.tables import failing


class OpenFailures:
    """The table of open failures. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def failed(self, orchestration: str, target: str, run_id: str | None) -> None:
        """Record that an orchestration has failed; the first failure stays until it completes."""
        mine = (failing.c.orchestration == orchestration) & (failing.c.target == target)
        with self._database.writing() as connection:
            if connection.execute(select(failing.c.since).where(mine)).one_or_none():
                return
            entry = {"orchestration": orchestration, "target": target, "run_id": run_id}
            connection.execute(insert(failing).values(**entry, since=as_text(datetime.now(UTC))))

    def completed(self, orchestration: str, target: str) -> bool:
        """Record that an orchestration has completed; return whether it was failing, to one of concurrent callers."""
        mine = (failing.c.orchestration == orchestration) & (failing.c.target == target)
        with self._database.writing() as connection:
            return connection.execute(delete(failing).where(mine)).rowcount > 0
