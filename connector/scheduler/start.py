"""`connector start` from its beginning to its end."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from connector.config.notification import Notify
from connector.config.project import Project
from connector.errors import ConfigurationError
from connector.ledger.ledger import Ledger
from connector.ledger.schedules import Stand
from connector.notifications.tell import tell_of_none
from connector.pipeline.history import ledger_of
from connector.scheduler.board import Board
from connector.scheduler.files import Files
from connector.scheduler.health import Figures, HealthServer
from connector.scheduler.journal import Change, Clock, Journal, Say
from connector.scheduler.loop import Loop, Unheard
from connector.scheduler.saved import let_go
from connector.telemetry.gauges import Gauges, export_gauges
from connector.telemetry.prometheus import Snapshot, render_metrics, require_prometheus

PORT = 8788
PARALLEL = 4


@dataclass(frozen=True, slots=True)
class StartOptions:
    """How many runs at a time, where to listen, and whether with figures."""

    parallel: int = PARALLEL
    host: str = "127.0.0.1"
    port: int = PORT
    metrics: bool = False


def _standing(board: Board, clock: Clock) -> Gauges:
    view = board.view
    if view is None:
        return Gauges(clock())
    waiting, running = view.standing(Stand.WAITING), view.standing(Stand.RUNNING)
    return Gauges(clock(), len(waiting), len(running), view.completed)


def _figures(ledger: Ledger, board: Board, clock: Clock) -> Figures:
    def now() -> tuple[str, bytes]:
        runs, rows = ledger.totals.of_runs(board.target), ledger.totals.of_rows(board.target)
        return render_metrics(Snapshot(board.target, runs, rows, _standing(board, clock)))

    return now


def _telling(say: Say) -> Unheard:
    """Notifies in a thread of its own, so that nothing waits for it."""

    def tell(project: Project, name: str, notify: Notify, why: str) -> None:
        threading.Thread(target=tell_of_none, args=(project, name, notify, why, say), daemon=True).start()

    return tell


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def starting(
    directory: Path,
    environ: Mapping[str, str],
    target: str | None,
    options: StartOptions,
    say: Say,
    *,
    clock: Clock = _now,
) -> Iterator[Loop]:
    """A loop to be run; of an orchestration that cannot run only its problems are said. Raises ConfigurationError where
    none can, LockedError where another process is at it already, UsageError where the port is taken.
    """
    if options.metrics:
        require_prometheus()
    files, journal = Files(directory, environ, target, clock()), Journal(say, clock)
    if not files.plan.automatic:
        raise ConfigurationError(
            f'No orchestration is automatic under the target "{files.project.target}": write `workflow: automatic` '
            "where one has a schedule."
        )
    with ExitStack() as stack:
        ledger = stack.enter_context(ledger_of(files.project))
        lock = stack.enter_context(ledger.lock_schedule(files.project.state_directory, files.project.target))
        files.keep()
        stack.callback(let_go, files.kept)
        loop = Loop(files, ledger, lock, options.parallel, journal, clock, _telling(say))
        figures = _figures(ledger, loop.board, clock) if options.metrics else None
        server = stack.enter_context(HealthServer(loop.board, options.host, options.port, figures))
        stack.enter_context(export_gauges(environ, loop.board.target, lambda: _standing(loop.board, clock), say))
        for name, problems in files.plan.broken.items():
            for problem in problems:
                journal(Change.REFUSED, orchestration=name, problem=problem)
        journal(
            Change.UP, target=files.project.target, automatic=len(files.plan.automatic), health=server.url + "/healthz"
        )
        yield loop
