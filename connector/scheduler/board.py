"""What whoever asks is told of `connector start`; asked from other threads than the one that it runs in."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.ledger.schedules import ScheduleRecord, Stand
from connector.outcomes import RunStatus
from connector.scheduler.journal import as_words

SECONDS_UNTIL_STUCK = 60.0
"""A look takes well under a second; a ledger that cannot be reached is waited for half a minute."""


@dataclass(frozen=True, slots=True)
class View:
    """How things stood at one look."""

    at: datetime
    records: Sequence[ScheduleRecord]
    next_due: Mapping[str, datetime | None]
    completed: Mapping[str, datetime]
    refused: bool
    broken: Sequence[str] = ()

    def standing(self, stand: Stand) -> list[ScheduleRecord]:
        """The orchestrations that stand so."""
        return [record for record in self.records if record.stand is stand]


@dataclass
class Board:
    """The last view, and when it was taken; `stopping` once no more is started."""

    target: str
    view: View | None = None
    stopping: bool = False
    shown_at: float = field(default_factory=time.monotonic)

    def show(self, view: View) -> None:
        """Another look was taken."""
        self.view, self.shown_at = view, time.monotonic()

    @property
    def is_stuck(self) -> bool:
        """Whether no look has come to its end for too long."""
        return time.monotonic() - self.shown_at > SECONDS_UNTIL_STUCK

    def as_json(self) -> dict[str, Any]:
        """The object that `/healthz` answers with."""
        state = "stuck" if self.is_stuck else "stopping" if self.stopping else "up"
        view = self.view
        if view is None:
            return {"status": state, "target": self.target, "last_look": None}
        return {
            "status": state,
            "target": self.target,
            "last_look": as_words(view.at),
            "files": "refused" if view.refused else "good",
            "broken": sorted(view.broken),
            "running": [_shown(one, RunStatus.RUNNING) for one in view.standing(Stand.RUNNING)],
            "waiting": [_shown(one, RunStatus.WAITING) for one in view.standing(Stand.WAITING)],
            "next_due": {name: as_words(due) if due else None for name, due in sorted(view.next_due.items())},
        }


def _shown(record: ScheduleRecord, status: RunStatus) -> dict[str, object]:
    times = {"due": record.due_at, "started": record.started_at}
    return {
        "orchestration": record.orchestration,
        "status": status.value,
        **({"shown": status.label} if status is RunStatus.WAITING else {}),
        **{key: as_words(moment) for key, moment in times.items() if moment},
    }
