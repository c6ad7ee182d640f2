"""Looks, again and again, at what has ended, what has changed and what is due."""

import threading
import time
from collections.abc import Callable
from datetime import datetime

from connector.config.notification import Notify
from connector.config.project import SAVED_FILES, Project
from connector.errors import ConnectorError, LockedError
from connector.ledger.ledger import Ledger
from connector.ledger.locks import RunLock
from connector.ledger.schedules import ScheduleRecord, Stand
from connector.outcomes import RunStatus
from connector.scheduler.board import Board, View
from connector.scheduler.child import Child, End, Record, run_command, run_environment
from connector.scheduler.files import Files
from connector.scheduler.journal import Change, Clock, Journal
from connector.scheduler.timetable import Timetable

SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_STOP = 25.0
"""For runs to end in once they are asked to: less than the 30 that containers are commonly given."""

Unheard = Callable[[Project, str, Notify, str], None]
"""Is told of an orchestration of a project of whose run nothing is known, whom to tell of it, and why."""


class Loop:
    """Starts what is due, at most `parallel` runs at a time, each as a process of its own."""

    def __init__(
        self,
        files: Files,
        ledger: Ledger,
        lock: RunLock,
        parallel: int,
        journal: Journal,
        clock: Clock,
        unheard: Unheard,
    ) -> None:
        self._files, self._ledger, self._lock, self._parallel = files, ledger, lock, parallel
        self._journal, self._clock, self._unheard = journal, clock, unheard
        self._target = files.project.target
        self.board = Board(self._target)
        self._children: dict[str, Child] = {}
        known = ledger.schedules.all(self._target)
        self._timetable = Timetable(known)
        self._written = {record.orchestration: record for record in known}
        self._said_to_wait: set[str] = set()
        self._in_trouble = False

    def run(self, stop: threading.Event) -> None:
        """Goes on until `stop` is set, and ends what runs. Raises LockedError where another process took over."""
        self.take(self._clock())
        try:
            while not stop.is_set():
                self._look_and_tell()
                stop.wait(SECONDS_BETWEEN_LOOKS)
        finally:
            self._stop()

    def look(self, now: datetime) -> None:
        """Does whatever is to be done now. Raises ConnectorError where the ledger fails; the next look may succeed."""
        if not self._lock.is_kept():
            raise LockedError("Another `connector start` has taken over, since this one showed no sign of life.")
        self._reap(now)
        if self._files.reread(now, self._journal):
            self.take(now)
        self._settle_those_left()
        completed = self._ledger.schedules.completed(self._target)
        self._timetable.look(now, completed)
        self._start_those_that_wait(now)
        self._write()
        due = {one.orchestration: self._timetable.next_due(one.orchestration, completed) for one in self._timetable}
        broken = list(self._files.plan.broken)
        self.board.show(View(now, list(self._timetable), due, completed, self._files.refused, broken))

    def kill(self) -> None:
        """Ends all runs at once; they can be resumed, and whoever starts next does so."""
        while self._children:
            self._children.popitem()[1].let_go()

    def _look_and_tell(self) -> None:
        try:
            self.look(self._clock())
        except LockedError:
            raise
        except (ConnectorError, OSError) as error:
            if not self._in_trouble:
                self._journal(Change.TROUBLE, error=error)
            self._in_trouble = True
        else:
            self._in_trouble = False

    def take(self, now: datetime) -> None:
        """Goes by the files as they were last taken."""
        for name in self._timetable.take(self._files.plan.schedules, now):
            self._ledger.schedules.forget(self._target, name)
            self._written.pop(name, None)
        self._write()

    def _write(self) -> None:
        for record in self._timetable:
            if self._written.get(record.orchestration) != record:
                self._ledger.schedules.write(self._target, record)
                self._written[record.orchestration] = record

    def _leave_as_written(self, name: str) -> None:
        """What is not finished is not written to be: whoever starts next goes on with it."""
        if record := self._timetable.get(name):
            self._written[name] = record

    def _reap(self, now: datetime) -> None:
        for name, child in list(self._children.items()):
            if end := child.end():
                del self._children[name]
                self._ended(name, end, now)

    def _ended(self, name: str, end: End, now: datetime) -> None:
        for said in end.notes:
            self._journal(Change.NOTED, orchestration=name, said=said)
        if end.record is not None:
            self._tell_end(name, end.record)
        elif end.was_killed:
            again = self._timetable.kill(name, now) if not self.board.stopping else None
            self._leave_as_written(name)
            self._journal(Change.KILLED, orchestration=name, signal=-end.code, again=again)
        else:
            self._journal(Change.FAILED, orchestration=name, exit_code=end.code, error=end.error)
        planned = self._files.plan.automatic.get(name)
        if end.record is None and planned and not self.board.stopping:
            self._unheard(self._files.project, name, planned.orchestration.notify, _why(end))
        was_cut_off = self.board.stopping and (end.record or {"status": "interrupted"})["status"] == "interrupted"
        if not (end.was_killed or was_cut_off):
            self._timetable.end(name)

    def _tell_end(self, name: str, record: Record) -> None:
        self._journal(
            Change.ENDED,
            orchestration=name,
            status=record["status"],
            shown=RunStatus(record["status"]).label,
            run=record["run_id"],
            **record["rows"],
            seconds=record["seconds"],
            resumed=",".join(record.get("resumed", ())) or None,
            error=record["error"],
        )

    def _settle_those_left(self) -> None:
        """What an earlier process started and did not see the end of goes on, has ended, or is due again."""
        for record in self._timetable.standing(Stand.RUNNING):
            name, since = record.orchestration, record.started_at
            if name in self._children or self._is_held(name):
                continue
            if since and self._ledger.schedules.reached_an_end(self._target, name, since):
                self._timetable.end(name)
            else:
                self._timetable.wait(name)

    def _start_those_that_wait(self, now: datetime) -> None:
        for record in self._timetable.standing(Stand.WAITING):
            name = record.orchestration
            if len(self._children) >= self._parallel:
                self._say_why_it_waits(record, f"{self._parallel} others run")
            elif name in self._children or self._is_held(name):
                self._say_why_it_waits(record, "it is being run already")
            else:
                self._start(name, now)

    def _say_why_it_waits(self, record: ScheduleRecord, why: str) -> None:
        if record.orchestration not in self._said_to_wait:
            label = RunStatus.WAITING.label
            self._journal(
                Change.WAITING, orchestration=record.orchestration, shown=label, due=record.due_at, because=why
            )
        self._said_to_wait.add(record.orchestration)

    def _start(self, name: str, now: datetime) -> None:
        record = self._timetable.start(name, now)
        self._write()
        project = self._files.project
        kept = {SAVED_FILES: str(self._files.kept)} if self._files.refused else {}
        try:
            child = Child(run_command(project.directory, name, self._target), run_environment(kept))
        except OSError:
            self._timetable.wait(name)
            raise
        self._children[name] = child
        self._said_to_wait.discard(name)
        self._journal(Change.STARTED, orchestration=name, due=record.due_at, process=child.process_id)

    def _is_held(self, name: str) -> bool:
        return self._ledger.is_held(self._files.project.state_directory, name, self._target)

    def _stop(self) -> None:
        self.board.stopping = True
        self._journal(Change.STOPPING, running=len(self._children))
        for child in self._children.values():
            child.interrupt()
        until = time.monotonic() + SECONDS_TO_STOP
        while self._children and time.monotonic() < until:
            self._reap(self._clock())
            time.sleep(0.05)
        for child in self._children.values():
            child.kill()
        self._reap(self._clock())
        try:
            self._write()
        except ConnectorError as error:
            self._journal(Change.TROUBLE, error=error)
        self._journal(Change.DOWN)


def _why(end: End) -> str:
    if end.was_killed:
        return f"The run was ended by signal {-end.code}; it goes on by itself, from what it had staged."
    return end.error or f"The run could not begin (exit code {end.code})."
