"""The scheduler's loop: collects exits, reloads changed files and starts what is due, tick by tick."""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from connector.config.dbt import DBT
from connector.config.notification import Notify
from connector.config.project import CONFIG_DIRECTORY, Project
from connector.core.outcomes import RunStatus
from connector.errors import ConnectorError, LockedError
from connector.ledger.ledger import Ledger
from connector.ledger.locks import RunLock
from connector.ledger.orchestrations import ScheduleRecord, ScheduleState
from connector.scheduler.journal import Change, Clock, Journal
from connector.scheduler.project_watcher import ProjectWatcher
from connector.scheduler.run_process import Record, RunExit, RunProcess, run_command, run_environment
from connector.scheduler.schedule_tracker import ScheduleTracker
from connector.scheduler.status import Observation, SchedulerStatus

if TYPE_CHECKING:
    from connector.scheduler.dbt_watcher import DbtWatcher

TICK_SECONDS = 0.5
STOP_TIMEOUT = 25.0
"""Seconds for interrupted runs to end: less than the 30 that containers are commonly given."""

OnMissingRun = Callable[[Project, str, Notify, str], None]
"""Takes the project, the orchestration whose run is unknown, its notifications, and the reason."""


class SchedulerLoop:
    """Starts due orchestrations, at most `parallel` runs at a time, each as a process of its own."""

    def __init__(
        self,
        watcher: ProjectWatcher,
        ledger: Ledger,
        lock: RunLock,
        parallel: int,
        journal: Journal,
        clock: Clock,
        on_missing_run: OnMissingRun,
    ) -> None:
        self._watcher, self._ledger, self._lock, self._parallel = watcher, ledger, lock, parallel
        self._journal, self._clock, self._on_missing_run = journal, clock, on_missing_run
        self._target = watcher.project.target
        self.status = SchedulerStatus(self._target)
        self._processes: dict[str, RunProcess] = {}
        records = ledger.schedules.all(self._target)
        self._tracker = ScheduleTracker(records)
        self._saved_records = {record.orchestration: record for record in records}
        self._logged_waiting: set[str] = set()
        self._paused: frozenset[str] = frozenset()
        self._is_failing = False
        self._dbt: DbtWatcher | None = None

    def run(self, stop: threading.Event) -> None:
        """Tick until `stop` is set, then end the runs. Raises LockedError if another process took over."""
        self.apply_plan(self._clock())
        try:
            while not stop.is_set():
                self._tick_and_log()
                stop.wait(TICK_SECONDS)
        finally:
            self._stop()

    def tick(self, now: datetime) -> None:
        """Do everything that is due now. Raises ConnectorError if the ledger fails; the next tick may succeed."""
        if not self._lock.is_current():
            raise LockedError("Another `connector start` has taken over, because this one showed no sign of life.")
        self._collect_exits(now)
        if self._watcher.reload(now, self._journal):
            self.apply_plan(now)
        self._recover_orphans()
        completed = self._ledger.schedules.completed(self._target)
        followed = {**completed, **self._dbt_builds(now)}
        self._tracker.mark_due(now, followed)
        self._read_pauses()
        self._tracker.skip_due(now, self._paused)
        self._start_waiting(now)
        self._save_records()
        due = {one.orchestration: self._tracker.next_due(one.orchestration, followed) for one in self._tracker}
        broken = list(self._watcher.plan.broken)
        paused = self._paused & due.keys()
        records, is_rejected = list(self._tracker), self._watcher.is_rejected
        self.status.update(Observation(now, records, due, completed, is_rejected, broken, paused))

    def _read_pauses(self) -> None:
        """Read which schedules are paused, and log what has changed."""
        paused = self._ledger.pauses.names(self._target)
        automatic = {record.orchestration for record in self._tracker}
        for name in sorted(automatic & (paused - self._paused)):
            self._journal(Change.PAUSED, orchestration=name)
        for name in sorted(automatic & (self._paused - paused)):
            self._journal(Change.UNPAUSED, orchestration=name)
        self._paused = paused

    def _dbt_builds(self, now: datetime) -> Mapping[str, datetime]:
        """Return when dbt built what orchestrations read that follow it; log and notify what is held back."""
        plan = self._watcher.plan
        if all(schedule.after != DBT for schedule in plan.schedules.values()):
            return {}
        from connector.scheduler.dbt_watcher import DbtWatcher

        self._dbt = self._dbt or DbtWatcher()
        for held in self._dbt.look(self._watcher.project, plan, now):
            record = self._tracker.get(held.orchestration)
            if record and held.since > record.handled_until:
                self._journal(Change.HELD, orchestration=held.orchestration, because=held.reason)
                notify = plan.automatic[held.orchestration].orchestration.notify
                self._on_missing_run(self._watcher.project, held.orchestration, notify, held.reason)
        return self._dbt.completed

    def kill(self) -> None:
        """Kill all runs at once; the next process resumes them."""
        while self._processes:
            self._processes.popitem()[1].discard()

    def _tick_and_log(self) -> None:
        try:
            self.tick(self._clock())
        except LockedError:
            raise
        except (ConnectorError, OSError) as error:
            if not self._is_failing:
                self._journal(Change.TROUBLE, error=error)
            self._is_failing = True
        else:
            self._is_failing = False

    def apply_plan(self, now: datetime) -> None:
        """Replace the schedules by those of the files as they were last loaded."""
        for name in self._tracker.replace_schedules(self._watcher.plan.schedules, now):
            self._ledger.schedules.delete(self._target, name)
            self._saved_records.pop(name, None)
        self._save_records()

    def _save_records(self) -> None:
        for record in self._tracker:
            if self._saved_records.get(record.orchestration) != record:
                self._ledger.schedules.write(self._target, record)
                self._saved_records[record.orchestration] = record

    def _keep_saved_record(self, name: str) -> None:
        """Do not save an unfinished run's record: the next process resumes it."""
        if record := self._tracker.get(name):
            self._saved_records[name] = record

    def _collect_exits(self, now: datetime) -> None:
        for name, process in list(self._processes.items()):
            if exit_status := process.poll():
                del self._processes[name]
                self._handle_exit(name, exit_status, now)

    def _handle_exit(self, name: str, exit_status: RunExit, now: datetime) -> None:
        retry_at = None
        if exit_status.was_killed:
            retry_at = self._tracker.record_kill(name, now) if not self.status.stopping else None
            self._keep_saved_record(name)
        self._log_exit(name, exit_status, retry_at)
        entry = self._watcher.plan.automatic.get(name)
        if exit_status.record is None and entry and not self.status.stopping:
            self._on_missing_run(self._watcher.project, name, entry.orchestration.notify, exit_status.reason)
        was_interrupted = (
            self.status.stopping and (exit_status.record or {"status": "interrupted"})["status"] == "interrupted"
        )
        if not (exit_status.was_killed or was_interrupted):
            self._tracker.finish(name)

    def _log_exit(self, name: str, exit_status: RunExit, retry_at: datetime | None) -> None:
        for note in exit_status.notes:
            self._journal(Change.NOTED, orchestration=name, said=note)
        if exit_status.record is not None:
            self._log_end(name, exit_status.record)
        elif exit_status.was_killed:
            self._journal(Change.KILLED, orchestration=name, signal=-exit_status.code, again=retry_at)
        else:
            self._journal(Change.FAILED, orchestration=name, exit_code=exit_status.code, error=exit_status.error)

    def _log_end(self, name: str, record: Record) -> None:
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

    def _recover_orphans(self) -> None:
        """Keep, finish or requeue the runs that an earlier process started and whose end it did not record."""
        for record in self._tracker.in_state(ScheduleState.RUNNING):
            name, since = record.orchestration, record.started_at
            if name in self._processes or self._is_held(name):
                continue
            if since and self._ledger.schedules.has_ended(self._target, name, since):
                self._tracker.finish(name)
            else:
                self._tracker.requeue(name)

    def _start_waiting(self, now: datetime) -> None:
        for record in self._tracker.in_state(ScheduleState.WAITING):
            name = record.orchestration
            if name in self._paused:
                self._log_waiting(record, "its schedule is paused")
            elif len(self._processes) >= self._parallel:
                self._log_waiting(record, f"{self._parallel} others are running")
            elif name in self._processes or self._is_held(name):
                self._log_waiting(record, "it is already running")
            else:
                self._start(name, now)

    def _log_waiting(self, record: ScheduleRecord, reason: str) -> None:
        if record.orchestration not in self._logged_waiting:
            label = RunStatus.WAITING.label
            self._journal(
                Change.WAITING, orchestration=record.orchestration, shown=label, due=record.due_at, because=reason
            )
        self._logged_waiting.add(record.orchestration)

    def _start(self, name: str, now: datetime) -> None:
        record = self._tracker.start(name, now)
        self._save_records()
        project = self._watcher.project
        snapshot = {CONFIG_DIRECTORY: str(self._watcher.snapshot)} if self._watcher.is_rejected else {}
        try:
            process = RunProcess(run_command(project.directory, name, self._target), run_environment(snapshot))
        except OSError:
            self._tracker.requeue(name)
            raise
        self._processes[name] = process
        self._logged_waiting.discard(name)
        self._journal(Change.STARTED, orchestration=name, due=record.due_at, process=process.process_id)

    def _is_held(self, name: str) -> bool:
        return self._ledger.is_held(self._watcher.project.state_directory, name, self._target)

    def _stop(self) -> None:
        self.status.stopping = True
        self._journal(Change.STOPPING, running=len(self._processes))
        for process in self._processes.values():
            process.interrupt()
        deadline = time.monotonic() + STOP_TIMEOUT
        while self._processes and time.monotonic() < deadline:
            self._collect_exits(self._clock())
            time.sleep(0.05)
        for process in self._processes.values():
            process.kill()
        self._collect_exits(self._clock())
        try:
            self._save_records()
        except ConnectorError as error:
            self._journal(Change.TROUBLE, error=error)
        self._journal(Change.DOWN)
