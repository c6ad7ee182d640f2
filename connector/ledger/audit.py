"""The audit: the list of who used which command."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, Select, insert, select, update

from connector.ledger.database import Database, as_text
from connector.ledger.tables import audit

_OF_ACTORS = ("actor", "via", "peer", "detail")
"""The fields of a use that somebody else than the user of the process asked for."""


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a command."""

    os_user: str
    """The user of the operating system."""
    host: str
    """The machine."""
    command: str
    """The command as typed, without options."""
    orchestration: str | None
    """The orchestration, if the command was about one."""
    target: str
    """The target."""
    run_id: str | None
    """The run, if the command was about one or started one."""
    allowed: bool
    """True if the roles of the project permit it."""
    actor: str | None = None
    """The user who asked for it, if that is not the user of the process."""
    via: str | None = None
    """The way by which the actor asked, such as `console`."""
    peer: str | None = None
    """The address from which the actor asked."""
    detail: Mapping[str, Any] | Sequence[str] | None = None
    """Further facts, such as the names of changed settings; never values of settings."""


@dataclass(frozen=True, slots=True)
class AuditLine:
    """A recorded use."""

    at: str
    """UTC in ISO 8601."""
    use: Use
    """The use itself."""

    def as_json(self) -> dict[str, object]:
        """Return the object that `connector runs audit --json` prints for it."""
        use = {name: value for name, value in asdict(self.use).items() if name not in _OF_ACTORS or value is not None}
        return {"at": self.at, **use}


class Audit:
    """The table of the audit. Lines are only added; the one change is to name the run that a use started."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, use: Use) -> int:
        """Add a line and return its number."""
        with self._database.writing() as connection:
            values = {"at": as_text(datetime.now(UTC)), **asdict(use)}
            return int(connection.execute(insert(audit).values(values).returning(audit.c.id)).scalar_one())

    def set_run(self, line: int, run_id: str) -> None:
        """Record the run that a use has started."""
        with self._database.writing() as connection:
            connection.execute(update(audit).where(audit.c.id == line).values(run_id=run_id))

    def latest(self, limit: int) -> list[AuditLine]:
        """Return the last lines, latest first."""
        return self._lines(select(audit).order_by(audit.c.id.desc()).limit(limit))

    def of_run(self, run_id: str) -> list[AuditLine]:
        """Return the lines about a run, in order."""
        return self._lines(select(audit).where(audit.c.run_id == run_id).order_by(audit.c.id))

    def _lines(self, query: Select[Any]) -> list[AuditLine]:
        with self._database.reading() as connection:
            return [read_line(row) for row in connection.execute(query)]


def read_line(row: Row[Any]) -> AuditLine:
    """Return the line in a row of the table."""
    return AuditLine(row.at, Use(**{name: getattr(row, name) for name in Use.__slots__}))
