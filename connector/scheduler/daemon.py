"""Set-up and tear-down of `connector start`."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from connector.config.notification import Notify
from connector.config.project import Project
from connector.errors import ConfigurationError, ConnectorError
from connector.ledger.ledger import Ledger
from connector.ledger.notices import NewNotice
from connector.ledger.orchestrations import ScheduleState
from connector.ledger.project_ledger import ledger_of
from connector.notifications.dispatch import notify_of_missing_run
from connector.scheduler.config_snapshot import delete_snapshot
from connector.scheduler.health import HealthServer, MetricsSource
from connector.scheduler.journal import Change, Clock, Journal, OnChange, Say
from connector.scheduler.loop import OnMissingRun, SchedulerLoop
from connector.scheduler.project_watcher import ProjectWatcher
from connector.scheduler.status import SchedulerStatus
from connector.telemetry.gauges import Gauges, export_gauges
from connector.telemetry.prometheus import Snapshot, render_metrics, require_prometheus

DEFAULT_PORT = 8788
DEFAULT_PARALLEL = 4


@dataclass(frozen=True, slots=True)
class StartOptions:
    """How many runs at a time, the address to listen on, and whether to serve metrics."""

    parallel: int = DEFAULT_PARALLEL
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    metrics: bool = False


def _read_gauges(status: SchedulerStatus, clock: Clock) -> Gauges:
    observation = status.observation
    if observation is None:
        return Gauges(clock())
    waiting, running = observation.in_state(ScheduleState.WAITING), observation.in_state(ScheduleState.RUNNING)
    return Gauges(clock(), len(waiting), len(running), observation.completed)


def _metrics_source(ledger: Ledger, status: SchedulerStatus, clock: Clock) -> MetricsSource:
    def render() -> tuple[str, bytes]:
        runs, rows = ledger.totals.of_runs(status.target), ledger.totals.of_rows(status.target)
        return render_metrics(Snapshot(status.target, runs, rows, _read_gauges(status, clock)))

    return render


def _background_notifier(say: Say) -> OnMissingRun:
    """Notify in a thread, so that nothing waits for it."""

    def notify_in_background(project: Project, name: str, notify: Notify, reason: str) -> None:
        threading.Thread(target=notify_of_missing_run, args=(project, name, notify, reason, say), daemon=True).start()

    return notify_in_background


def _notice_writer(ledger: Ledger, target: str) -> OnChange:
    """Write a notice of what users are not notified of otherwise: files that are not valid, and killed processes."""

    def write(change: Change, values: Mapping[str, object]) -> None:
        name = values.get("orchestration")
        about = str(name) if name else None
        if change is Change.REFUSED:
            text = str(values["problem"])
        elif change is Change.KILLED:
            text = f"{name} was ended by signal {values['signal']}; it continues from its stage."
        else:
            return
        with suppress(ConnectorError):
            ledger.notices.add(NewNotice(target, change.value, text, about))

    return write


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def open_scheduler(
    directory: Path,
    environ: Mapping[str, str],
    target: str | None,
    options: StartOptions,
    say: Say,
    *,
    clock: Clock = _now,
) -> Iterator[SchedulerLoop]:
    """Yield a loop that is ready to run; of broken orchestrations only log the problems.

    Raises ConfigurationError if none can run, LockedError if another process runs them already, UsageError if the
    port is in use.
    """
    if options.metrics:
        require_prometheus()
    watcher, journal = ProjectWatcher(directory, environ, target, clock()), Journal(say, clock)
    if not watcher.plan.automatic:
        raise ConfigurationError(
            f'No orchestration is automatic under the target "{watcher.project.target}": write `workflow: automatic` '
            "for one that has a schedule."
        )
    with ExitStack() as stack:
        ledger = stack.enter_context(ledger_of(watcher.project))
        lock = stack.enter_context(ledger.lock_schedule(watcher.project.state_directory, watcher.project.target))
        journal.on_change = _notice_writer(ledger, watcher.project.target)
        watcher.save_snapshot()
        stack.callback(delete_snapshot, watcher.snapshot)
        loop = SchedulerLoop(watcher, ledger, lock, options.parallel, journal, clock, _background_notifier(say))
        metrics = _metrics_source(ledger, loop.status, clock) if options.metrics else None
        server = stack.enter_context(HealthServer(loop.status, options.host, options.port, metrics))
        stack.enter_context(export_gauges(environ, loop.status.target, lambda: _read_gauges(loop.status, clock), say))
        for name, problems in watcher.plan.broken.items():
            for problem in problems:
                journal(Change.REFUSED, orchestration=name, problem=problem)
        journal(
            Change.UP,
            target=watcher.project.target,
            automatic=len(watcher.plan.automatic),
            health=server.url + "/healthz",
        )
        yield loop
