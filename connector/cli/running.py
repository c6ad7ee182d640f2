"""A run as the user sees it: progress, signals, and what became of every row, however it ends."""

import threading
from collections.abc import Callable
from dataclasses import replace

from connector.cli.console import out, out_json
from connector.cli.failures import AlreadyPrinted, afterwards
from connector.cli.post_run import follow_up
from connector.cli.process import make_output_optional
from connector.cli.progress import Watcher, watching
from connector.cli.signals import stopped_by_signals
from connector.cli.summary import summary
from connector.config.project import Project
from connector.errors import ConnectorError, NothingSent
from connector.ledger.project_ledger import ledger_of
from connector.ledger.records import RunRecord
from connector.reporting.run_history import abandon_run, find_run
from connector.reporting.visibility import no_rows

Work = Callable[[Watcher, threading.Event], RunRecord]


def run_and_report(project: Project, work: Work, json_output: bool) -> None:
    """Does the work of a run and prints its record. What it raises is raised, with the record printed as JSON."""
    make_output_optional()
    with watching(quiet=json_output) as observer:
        afterwards(lambda: follow_up(project, observer.run_ids))

        def leave_at_once() -> None:
            record = abandon_run(project, observer.run_id) if observer.run_id else None
            if record and json_output:
                out_json(_as_json(record, observer))

        with stopped_by_signals(leave_at_once) as stop:
            try:
                record = work(observer, stop)
            except ConnectorError as error:
                found = find_run(project, observer.run_id) if observer.run_id else None
                if found and json_output:
                    told = _as_json(found, observer)
                    # A ledger that cannot be written does not know of the error.
                    out_json({**told, "error": told["error"] or error.message})
                    raise AlreadyPrinted(error) from None
                if found and isinstance(error, NothingSent):
                    _show(project, found, error)
                raise
    if json_output:
        out_json(_as_json(record, observer))
        return
    _show(project, record)


def _show(project: Project, record: RunRecord, error: ConnectorError | None = None) -> None:
    """Print what became of the rows; the sentence on `error` follows by itself."""
    reason = None
    if record.is_empty:
        with ledger_of(project) as ledger:
            reason = no_rows(project, ledger, record)
    for line in summary(replace(record, error=None) if error else record, reason):
        out(line)


def _as_json(record: RunRecord, observer: Watcher) -> dict[str, object]:
    """The record, and the ids of the runs that were finished before it."""
    return {**record.as_json(), "resumed": [run_id for run_id in observer.run_ids if run_id != record.run_id]}
