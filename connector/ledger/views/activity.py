"""The activity of a project: the steps of a run and the uses of commands."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, String, cast, func, literal, null, select
from sqlalchemy import union_all as union

from connector.core.outcomes import RunStatus
from connector.ledger.audit import AuditLine, read_line
from connector.ledger.database import as_text
from connector.ledger.tables import audit, batches, moments, requests


@dataclass(frozen=True, slots=True)
class Activity:
    """A step of a run, or a use of a command on it."""

    at: str
    """UTC in ISO 8601."""
    what: str
    """A word of the timeline, such as `staged` or `first_request`, or the command that was used."""
    user: str | None = None
    """Who used the command; None for a step."""
    via: str | None = None
    """The way by which somebody else than the user of the process asked for it, such as `console`."""
    allowed: bool = True
    """False for a use that the roles do not permit."""

    @property
    def is_use(self) -> bool:
        """True for the use of a command, False for a step of the run itself."""
        return self.user is not None


@dataclass(frozen=True, slots=True)
class NumberedLine:
    """A line of the audit."""

    id: int
    """Its number: `before` of the next page."""
    line: AuditLine
    """The line."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Conditions on lines of the audit; those that are None do not apply."""

    target: str | None = None
    user: str | None = None
    """The actor, or the user of the process if nobody else asked for it."""
    command: str | None = None
    """The first word of the command."""
    allowed: bool | None = None
    since: datetime | None = None
    before: int | None = None
    """The number of a line: only lines that are older."""
    limit: int = 50


def run_activity(connection: Connection, run_id: str) -> list[Activity]:
    """Return the steps of a run and the uses of commands on it, in order of time. One statement."""
    steps = _entry(moments.c.at, moments.c.what, order=moments.c.id).where(moments.c.run_id == run_id)
    first = _entry(func.min(batches.c.sent_at), literal("first_request")).where(batches.c.run_id == run_id)
    last = _entry(func.max(requests.c.answered_at), literal("last_answer")).where(requests.c.run_id == run_id)
    user = func.coalesce(audit.c.actor, audit.c.os_user)
    uses = _entry(audit.c.at, audit.c.command, user, audit.c.via, audit.c.allowed).where(audit.c.run_id == run_id)
    rows = connection.execute(union(steps, first, last, uses)).all()
    in_order = sorted((row for row in rows if row.at), key=lambda row: (row.at, _rank(row), row.position or 0))
    return [Activity(row.at, row.what, row.user, row.via, row.allowed) for row in in_order]


def _rank(row: Any) -> int:
    """Return the place of an entry among those of the same millisecond."""
    if row.user is not None:
        return 0 if row.what == "run" else 4
    ranks: dict[str, int] = {"first_request": 1, "last_answer": 2, **dict.fromkeys(map(str, RunStatus), 3)}
    return ranks.get(row.what, 0)


def list_audit(connection: Connection, wanted: AuditFilter) -> list[NumberedLine]:
    """Return a page of the audit, latest first. One statement."""
    query = select(audit).where(*_conditions(wanted)).order_by(audit.c.id.desc()).limit(wanted.limit)
    return [NumberedLine(row.id, read_line(row)) for row in connection.execute(query)]


def _entry(at: Any, what: Any, user: Any = None, via: Any = None, allowed: Any = None, order: Any = None) -> Any:
    return select(
        at.label("at"),
        what.label("what"),
        (cast(null(), String) if user is None else user).label("user"),
        (cast(null(), String) if via is None else via).label("via"),
        (literal(True) if allowed is None else allowed).label("allowed"),
        (cast(null(), Integer) if order is None else order).label("position"),
    )


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.target is not None:
        conditions.append(audit.c.target == wanted.target)
    if wanted.user is not None:
        conditions.append(func.coalesce(audit.c.actor, audit.c.os_user) == wanted.user)
    if wanted.command is not None:
        exact = audit.c.command == wanted.command
        conditions.append(exact | audit.c.command.startswith(f"{wanted.command} ", autoescape=True))
    if wanted.allowed is not None:
        conditions.append(audit.c.allowed == wanted.allowed)
    if wanted.since is not None:
        conditions.append(audit.c.at >= as_text(wanted.since))
    if wanted.before is not None:
        conditions.append(audit.c.id < wanted.before)
    return conditions
