"""Execution of a run for the command line: progress, signals, and the outcome of every row, however the run ends."""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from connector.cli.console import out, out_json, warn
from connector.cli.failures import AlreadyPrinted, defer
from connector.cli.process import make_output_optional
from connector.cli.progress import QuietObserver, progress_observer
from connector.cli.signals import stop_on_signals
from connector.cli.summary import summary
from connector.config.project import Project
from connector.errors import ConnectorError, NothingSent
from connector.ledger.project_ledger import ledger_of
from connector.ledger.run_records import RunRecord
from connector.reporting.run_history import abandon_run, find_run, no_rows, visible_by

Work = Callable[[QuietObserver, threading.Event], RunRecord]


def run_and_report(project: Project, work: Work, json_output: bool) -> None:
    """Execute a run and print its record. If it raises an error, print the record as JSON and raise the error."""
    make_output_optional()
    with progress_observer(quiet=json_output) as observer:
        defer(lambda: notify(project, observer.run_ids))

        def leave_at_once() -> None:
            record = abandon_run(project, observer.run_id) if observer.run_id else None
            if record and json_output:
                out_json(_as_json(record, observer))

        with stop_on_signals(leave_at_once) as stop:
            try:
                record = work(observer, stop)
            except ConnectorError as error:
                recorded = find_run(project, observer.run_id) if observer.run_id else None
                if recorded and json_output:
                    entry = _as_json(recorded, observer)
                    # The error is not in a ledger that cannot be written.
                    out_json({**entry, "error": entry["error"] or error.message})
                    raise AlreadyPrinted(error) from None
                if recorded and isinstance(error, NothingSent):
                    _print_summary(project, recorded, error)
                raise
    if json_output:
        out_json(_as_json(record, observer))
        return
    _print_summary(project, record)


def notify(project: Project, run_ids: Sequence[str]) -> None:
    """Send notifications of runs, and export their metrics if the environment asks for it. Raises nothing.

    Does not change the runs. Ctrl-C skips the remaining notifications.
    """
    from connector.notifications.dispatch import notify_of_runs
    from connector.telemetry.otlp import export_runs

    try:
        notify_of_runs(project, run_ids, warn)
        export_runs(project, run_ids, os.environ, warn)
    except KeyboardInterrupt:
        warn("Not everybody was notified.")
    except Exception as error:
        # No error may change how the run ends.
        warn(f"Not everybody was notified: {type(error).__name__}.")


def _print_summary(project: Project, record: RunRecord, error: ConnectorError | None = None) -> None:
    """Print the outcome of the rows; leave out the run's error if it is about to be printed as `error`."""
    reason = None
    if record.is_empty:
        with ledger_of(project) as ledger:
            reason = no_rows(project, ledger, record)
    for line in summary(replace(record, error=None) if error else record, reason, visible_by(project, record)):
        out(line)


def _as_json(record: RunRecord, observer: QuietObserver) -> dict[str, object]:
    """Return the record, and the ids of the runs that were finished before it."""
    return {**record.as_json(), "resumed": [run_id for run_id in observer.run_ids if run_id != record.run_id]}
