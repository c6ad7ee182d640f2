"""The counts that every page shows."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from connector.ledger.database import now_expression
from connector.ledger.locks import SECONDS_UNTIL_DEAD, START
from connector.ledger.tables import failing, locks, notices


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """Counts under one target."""

    running: int
    """Orchestrations that a process works on."""
    failing: int
    """Orchestrations whose last run failed."""
    unread: int
    """Notices that nobody has marked as read."""
    scheduled: bool
    """True if `connector start` runs."""


def count_frame(connection: Connection, target: str) -> FrameCounts:
    """Count what runs, fails and is unread under a target. One statement, over small tables."""
    alive = select(func.count()).where(
        locks.c.target == target, now_expression(connection) - locks.c.alive_at < SECONDS_UNTIL_DEAD
    )
    row = connection.execute(
        select(
            alive.where(locks.c.orchestration != START).scalar_subquery(),
            select(func.count()).where(failing.c.target == target).scalar_subquery(),
            select(func.count()).where(notices.c.target == target, notices.c.read_at.is_(None)).scalar_subquery(),
            alive.where(locks.c.orchestration == START).scalar_subquery(),
        )
    ).one()
    return FrameCounts(row[0], row[1], row[2], bool(row[3]))
