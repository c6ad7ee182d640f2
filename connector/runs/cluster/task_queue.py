"""Queue the tasks of a cluster: one whose process or node dies is run again, but not for ever."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from time import monotonic
from typing import Any

from connector.errors import ResumableError

_MOST_DEATHS, _MOST_NODES = 5, 20
"""Deaths after which a task is given up: of its process, and of its node, which is rarely the fault of a task."""
_FIRST_WAIT = 1.0
"""Seconds before a task runs again whose process died, doubled each time: memory may be short for a while only."""


class Death(Enum):
    """Why a task ended without a result."""

    PROCESS = "its process died"
    MEMORY = "its node was short of memory"
    NODE = "its node died"


_REMEDIES = {
    Death.PROCESS: (
        "its process died {times} times, as by a crash in a library or by a kill. Look into Ray's logs on the nodes "
        "(`session_latest/logs` in the folder of `ray start --temp-dir`), and remove the cause"
    ),
    Death.MEMORY: (
        "its process died {times} times, at last because its node was short of memory. Give the nodes more memory or "
        "fewer cores (`ray start --num-cpus`), or set more `splits` for the engine"
    ),
    Death.NODE: "{times} nodes died while they worked on it. Look into Ray's logs, and remove the cause",
}


@dataclass(slots=True, eq=False)
class QueuedTask:
    """A task that has no result yet."""

    arguments: tuple[Any, ...]
    """The arguments that it is called with."""
    label: str
    """The name by which messages call it, such as "split 3 of 8"."""
    deaths: Counter[Death] = field(default_factory=Counter)
    """The number of times that it ended without a result."""
    due: float = 0.0
    """The moment before which it must not run."""

    def died(self, death: Death) -> ResumableError | None:
        """Count a death, and return the error with which the task is given up; None if it is to run again."""
        self.deaths[death] += 1
        nodes = self.deaths[Death.NODE]
        times = nodes if death is Death.NODE else self.deaths.total() - nodes
        if times >= (_MOST_NODES if death is Death.NODE else _MOST_DEATHS):
            reason = _REMEDIES[death].format(times=times)
            return ResumableError(f"Gave up {self.label}: {reason}; `connector resume` goes on.")
        if death is not Death.NODE:
            self.due = monotonic() + _FIRST_WAIT * 2 ** (times - 1)
        return None


class TaskQueue(deque[QueuedTask]):
    """The tasks that wait, in order."""

    def take_due(self) -> Iterator[QueuedTask]:
        """Yield and remove the first tasks that may run now."""
        while self and self[0].due <= monotonic():
            yield self.popleft()

    def put_back(self, task: QueuedTask) -> None:
        """Add a task that is to run again: before those that have not run yet, unless it has to wait."""
        if task.due > monotonic():
            self.append(task)
        else:
            self.appendleft(task)
