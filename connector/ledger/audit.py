"""Who used the connector for what."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, insert, select, update

from connector.ledger.database import Database
from connector.ledger.runs import as_text
from connector.ledger.tables import audit


@dataclass(frozen=True, slots=True)
class Use:
    """Somebody's use of a command; `allowed` is whether the roles let them."""

    os_user: str
    host: str
    command: str
    orchestration: str | None
    target: str
    run_id: str | None
    allowed: bool


@dataclass(frozen=True, slots=True)
class AuditLine:
    """A use as it was written down; `at` is UTC in ISO 8601."""

    at: str
    use: Use

    def as_json(self) -> dict[str, object]:
        """The object that `connector runs audit --json` prints for it."""
        return {"at": self.at, **asdict(self.use)}


class Audit:
    """Lines are added, and never changed but to name the run that came of the use."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, use: Use) -> int:
        """Writes a line down, and gives its number."""
        with self._database.writing() as connection:
            values = {"at": as_text(datetime.now(UTC)), **asdict(use)}
            return int(connection.execute(insert(audit).values(values).returning(audit.c.id)).scalar_one())

    def began(self, line: int, run_id: str) -> None:
        """The use that was written down has led to this run."""
        with self._database.writing() as connection:
            connection.execute(update(audit).where(audit.c.id == line).values(run_id=run_id))

    def latest(self, limit: int) -> list[AuditLine]:
        """The last lines, latest first."""
        return self._lines(select(audit).order_by(audit.c.id.desc()).limit(limit))

    def of_run(self, run_id: str) -> list[AuditLine]:
        """The lines about a run, in their order."""
        return self._lines(select(audit).where(audit.c.run_id == run_id).order_by(audit.c.id))

    def _lines(self, query: Select[Any]) -> list[AuditLine]:
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [AuditLine(row.at, Use(**{name: getattr(row, name) for name in Use.__slots__})) for row in rows]
