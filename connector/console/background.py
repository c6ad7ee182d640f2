"""Work that takes longer than a page may: plans, and questions to a platform. Pages look at it until it is done."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from connector.core.secret_registry import without_secrets
from connector.errors import ConnectorError

KEEP_SECONDS = 15 * 60
"""How long the result of a piece of work can be looked at."""
_MOST = 64


@dataclass(slots=True)
class Task:
    """A piece of work that somebody asked for."""

    id: str
    """Its id."""
    kind: str
    """Its kind, such as `plan`."""
    user: str
    """Who asked for it."""
    target: str
    """The name of the target."""
    subject: str
    """The orchestration, destination or audience."""
    facts: dict[str, Any] = field(default_factory=dict)
    """The options of the request, for the page."""
    started: float = field(default_factory=time.monotonic)
    """When it started."""
    ended: float | None = None
    """When it ended; None while it goes on."""
    result: Any = None
    """The value that it returned."""
    error: str | None = None
    """Why it returned nothing."""
    cancelled: threading.Event = field(default_factory=threading.Event)
    """Set when somebody does not want it any more."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while something is done with its result once."""

    @property
    def seconds(self) -> float:
        """How long it took, or takes so far."""
        return (self.ended or time.monotonic()) - self.started


class TooMuchWork(Exception):
    """As much work of this kind goes on as may."""


class Tasks:
    """The work of all users; safe to use from several threads."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._lock = threading.Lock()
        self._tasks: OrderedDict[str, Task] = OrderedDict()

    def start(self, task: Task, work: Callable[[Task], Any]) -> Task:
        """Start a piece of work in a thread. Raises TooMuchWork."""
        with self._lock:
            self._drop_old()
            open_tasks = [one for one in self._tasks.values() if one.ended is None]
            own = [one for one in open_tasks if one.user == task.user]
            if len(open_tasks) >= self._most or len(own) >= self._most_of_one:
                raise TooMuchWork
            self._tasks[task.id] = task
        threading.Thread(target=self._execute, args=(task, work), name=task.kind, daemon=True).start()
        return task

    def get(self, task_id: str) -> Task | None:
        """Return a piece of work; None if there is none with this id any more."""
        with self._lock:
            self._drop_old()
            return self._tasks.get(task_id)

    def cancel_all(self) -> None:
        """Cancel all work that goes on."""
        with self._lock:
            for task in self._tasks.values():
                task.cancelled.set()

    def _execute(self, task: Task, work: Callable[[Task], Any]) -> None:
        try:
            task.result = work(task)
        except ConnectorError as error:
            task.error = without_secrets(error.message)
        except Exception as error:
            task.error = f"Unexpected {type(error).__name__}."
        task.ended = time.monotonic()

    def _drop_old(self) -> None:
        now = time.monotonic()
        for task_id, task in list(self._tasks.items()):
            is_old = task.ended is not None and now - task.ended > KEEP_SECONDS
            if is_old or (task.ended is not None and len(self._tasks) > _MOST):
                del self._tasks[task_id]


def new_task(kind: str, user: str, target: str, subject: str, **facts: Any) -> Task:
    """Return a piece of work that is to be started."""
    return Task(token_hex(8), kind, user, target, subject, facts)
