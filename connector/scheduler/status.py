"""The status of `connector start`, read by other threads than the one that it runs in."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.core.outcomes import RunStatus
from connector.ledger.orchestrations import ScheduleRecord, ScheduleState
from connector.scheduler.journal import format_time

STUCK_AFTER = 60.0
"""Seconds. A tick takes well under one; a ledger that cannot be reached is waited for half a minute."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The state of the scheduler after one tick."""

    at: datetime
    records: Sequence[ScheduleRecord]
    next_due: Mapping[str, datetime | None]
    completed: Mapping[str, datetime]
    files_rejected: bool
    broken: Sequence[str] = ()
    paused: Collection[str] = ()

    def in_state(self, state: ScheduleState) -> list[ScheduleRecord]:
        """Return the orchestrations in a state."""
        return [record for record in self.records if record.state is state]


@dataclass
class SchedulerStatus:
    """The last observation."""

    target: str
    observation: Observation | None = None
    stopping: bool = False
    """Whether no more runs are started."""
    observed_at: float = field(default_factory=time.monotonic)
    """When the observation was made, by the monotonic clock."""

    def update(self, observation: Observation) -> None:
        """Store the observation of a tick."""
        self.observation, self.observed_at = observation, time.monotonic()

    @property
    def is_stuck(self) -> bool:
        """Whether no tick has ended for too long."""
        return time.monotonic() - self.observed_at > STUCK_AFTER

    def as_json(self) -> dict[str, Any]:
        """Return the object that `/healthz` answers with."""
        state = "stuck" if self.is_stuck else "stopping" if self.stopping else "up"
        observation = self.observation
        if observation is None:
            return {"status": state, "target": self.target, "last_look": None}
        return {
            "status": state,
            "target": self.target,
            "last_look": format_time(observation.at),
            "files": "refused" if observation.files_rejected else "good",
            "broken": sorted(observation.broken),
            "paused": sorted(observation.paused),
            "running": [_entry_json(one, RunStatus.RUNNING) for one in observation.in_state(ScheduleState.RUNNING)],
            "waiting": [_entry_json(one, RunStatus.WAITING) for one in observation.in_state(ScheduleState.WAITING)],
            "next_due": {name: format_time(due) if due else None for name, due in sorted(observation.next_due.items())},
        }


def _entry_json(record: ScheduleRecord, status: RunStatus) -> dict[str, object]:
    times = {"due": record.due_at, "started": record.started_at}
    return {
        "orchestration": record.orchestration,
        "status": status.value,
        **({"shown": status.label} if status is RunStatus.WAITING else {}),
        **{key: format_time(moment) for key, moment in times.items() if moment},
    }
