"""Schedules and their pauses."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, String, cast, exists, null, select, union_all

from connector.ledger.tables import pauses, schedules

_SCHEDULE = ("schedule", "handled_until", "state", "due_at", "started_at")


@dataclass(frozen=True, slots=True)
class ScheduleStatus:
    """An orchestration that `connector start` has in its plan, or whose schedule is paused, or both."""

    orchestration: str
    """The name of the orchestration."""
    schedule: str | None
    """Its schedule in words, as `connector start` last read it; None if it never did. All times are UTC in ISO 8601."""
    handled_until: str | None
    """Everything that was due until this time has been started."""
    state: str | None
    """`idle`, `waiting` or `running`."""
    due_at: str | None
    """The due time of the waiting or running execution."""
    started_at: str | None
    """The start of the running execution."""
    paused_since: str | None
    """When its schedule was paused; None if it is not."""
    paused_by: str | None
    """Who paused it."""


def list_schedules(connection: Connection, target: str) -> list[ScheduleStatus]:
    """Return the schedules and pauses under a target, by name. One statement."""
    same = (pauses.c.orchestration == schedules.c.orchestration) & (pauses.c.target == schedules.c.target)
    joined = select(schedules.c.orchestration, *_schedule(), pauses.c.since, pauses.c.actor)
    with_schedule = joined.select_from(schedules.outerjoin(pauses, same)).where(schedules.c.target == target)
    nothing = [cast(null(), String).label(name) for name in _SCHEDULE]
    alone = select(pauses.c.orchestration, *nothing, pauses.c.since, pauses.c.actor).where(
        pauses.c.target == target, ~exists().where(same)
    )
    rows: list[Any] = list(connection.execute(union_all(with_schedule, alone)))
    return [ScheduleStatus(*row) for row in sorted(rows, key=lambda row: row[0])]


def _schedule() -> list[Any]:
    return [schedules.c[name] for name in _SCHEDULE]
