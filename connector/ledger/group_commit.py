"""Group commit: writes of several threads share one transaction, and so one fsync."""

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Lock

from sqlalchemy import Connection

Work = Callable[[Connection], None]


@dataclass(eq=False, slots=True)
class _Task:
    work: Work
    worked: bool = False
    done: bool = False
    error: Exception | None = None


class GroupCommit:
    """Collects the work of threads that wait for the running transaction; the first of them does all of it."""

    def __init__(self, writing: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._writing = writing
        self._waiting: deque[_Task] = deque()
        self._turn = Lock()

    def do(self, work: Work) -> None:
        """Do `work` and return once its writes are on disk. Raises what `work` or the database raises.

        If the work of one thread fails in a shared transaction, each work is repeated in a transaction of its own: so
        `work` may be called twice, and one failure does not undo other work. Nothing is repeated if the commit fails:
        a server that goes away may have done it.
        """
        task = _Task(work)
        self._waiting.append(task)
        with self._turn:
            if not task.done:
                self._do_all()
        if task.error is not None:
            raise task.error

    def _do_all(self) -> None:
        tasks = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            self._do_in_one(tasks)
        except Exception as error:
            if len(tasks) == 1 or all(task.worked for task in tasks):
                for task in tasks:
                    task.error = error
            else:
                self._do_each(tasks)
        except BaseException:
            self._waiting.extendleft(reversed(tasks))
            raise
        for task in tasks:
            task.done = True

    def _do_in_one(self, tasks: list[_Task]) -> None:
        for task in tasks:
            task.worked = False
        with self._writing() as connection:
            for task in tasks:
                task.work(connection)
                task.worked = True

    def _do_each(self, tasks: list[_Task]) -> None:
        for task in tasks:
            try:
                self._do_in_one([task])
            except Exception as error:
                task.error = error
