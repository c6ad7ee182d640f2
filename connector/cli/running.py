"""Execution of a run for the command line: progress, signals, and the outcome of every row, however the run ends."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import typer

from connector.cli.console import Level, out, out_json, pluralize, say, warn
from connector.cli.failures import INTERRUPTED, AlreadyPrinted, defer, describe_unexpected, error_lines, say_stack_trace
from connector.cli.process import make_output_optional
from connector.cli.progress import QuietObserver, progress_observer
from connector.cli.signals import stop_on_signals
from connector.cli.summary import summary
from connector.config.project import Project
from connector.errors import ConfigurationError, ConnectorError, Interrupted, NothingSent
from connector.ledger.project_ledger import ledger_of
from connector.ledger.run_records import RunRecord
from connector.reporting.run_history import abandon_run, capabilities_of, find_run, no_rows, visible_by

if TYPE_CHECKING:
    from connector.api import Project as OpenedProject
    from connector.destinations.confirmation import Confirmation

Work = Callable[[QuietObserver, threading.Event], RunRecord]

_SEVERITY = (0, 3, 2, 1, INTERRUPTED)
"""Exit codes, the worst last."""


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
                recorded = _recorded(project, observer)
                if recorded and json_output:
                    out_json(_as_json(recorded, observer, error.message))
                    raise AlreadyPrinted(error) from None
                if recorded and isinstance(error, NothingSent):
                    _print_summary(project, recorded, error)
                raise
    if json_output:
        out_json(_as_json(record, observer))
        return
    _print_summary(project, record)


@contextmanager
def executing(
    opened: "OpenedProject", launch: str | None, command: str, name: str | None
) -> Iterator[tuple["OpenedProject", "Confirmation | None"]]:
    """Yield the project, and what was agreed to, for a run that somebody asked for by `launch`, if there is one."""
    if launch is None:
        yield opened, None
        return
    from connector.runs.launch import executing_launch

    with executing_launch(opened.settings, launch, command, name) as (settings, agreed):
        yield type(opened)(settings), agreed


@dataclass(slots=True)
class SeveralRuns:
    """Runs that are executed one after another, however each of them ends."""

    project: Project
    json_output: bool
    debug: bool
    codes: dict[str, int] = field(default_factory=dict)
    """The exit code of each orchestration."""
    entries: list[dict[str, object]] = field(default_factory=list)
    """The JSON object of each run so far."""
    _observer: QuietObserver = field(default_factory=QuietObserver)
    """The observer of the run in progress."""

    def run(self, works: Mapping[str, Work]) -> None:
        """Execute the runs and print each. Raises typer.Exit with the worst exit code."""
        make_output_optional()
        with stop_on_signals(self._leave_at_once) as stop:
            for name, work in works.items():
                if stop.is_set():
                    self._skip(name)
                else:
                    self._run(name, work, stop)
        self._conclude()

    def _run(self, name: str, work: Work, stop: threading.Event) -> None:
        with progress_observer(quiet=self.json_output) as self._observer:
            record, error = self._outcome(work, stop)
        if error is not None:
            record = _recorded(self.project, self._observer)
        self.codes[name] = error.exit_code if error else 0
        if self.json_output:
            self.entries.append(self._entry(name, record, error))
        elif record and (error is None or isinstance(error, NothingSent)):
            _print_summary(self.project, record, error)
            out()
        for line in error_lines(error) if error else ():
            say(line if isinstance(error, ConfigurationError) else f"{name}: {line}", Level.ERROR)
        notify(self.project, self._observer.run_ids)

    def _outcome(self, work: Work, stop: threading.Event) -> tuple[RunRecord | None, ConnectorError | None]:
        try:
            return work(self._observer, stop), None
        except Exception as error:
            if self.debug:
                say_stack_trace(error)
            if isinstance(error, ConnectorError):
                return None, error
            return None, ConnectorError(describe_unexpected(error, self.project.directory))

    def _entry(self, name: str, record: RunRecord | None, error: ConnectorError | None) -> dict[str, object]:
        if record is None:
            message = error.message if error else None
            return {"run_id": None, "orchestration": name, "target": self.project.target, "error": message}
        return _as_json(record, self._observer, error.message if error else None)

    def _skip(self, name: str) -> None:
        self.codes[name] = INTERRUPTED
        self.entries.append(self._entry(name, None, Interrupted("Not started: the command was interrupted.")))
        say(f"{name}: not started.", Level.ERROR)

    def _conclude(self) -> None:
        worst = max(self.codes.values(), key=_SEVERITY.index)
        if self.json_output:
            out_json({"runs": self.entries, "exit_code": worst})
        completed = sum(code == 0 for code in self.codes.values())
        others = ", ".join(f"{name} (exit code {code})" for name, code in self.codes.items() if code)
        say(f"{completed:,} of {pluralize(len(self.codes), 'run')} completed{f'; not {others}' if others else ''}.")
        raise typer.Exit(worst)

    def _leave_at_once(self) -> None:
        record = abandon_run(self.project, self._observer.run_id) if self._observer.run_id else None
        if record:
            self.entries.append(_as_json(record, self._observer))
        if self.json_output:
            out_json({"runs": self.entries, "exit_code": INTERRUPTED})


def _recorded(project: Project, observer: QuietObserver) -> RunRecord | None:
    """Return what the ledger has of the run in progress."""
    return find_run(project, observer.run_id) if observer.run_id else None


def notify(project: Project, run_ids: Sequence[str]) -> None:
    """Store the reports of runs, notify of them, and export metrics if the environment asks for it. Raises nothing.

    Does not change the runs. Ctrl-C skips the remaining notifications.
    """
    from connector.notifications.dispatch import notify_of_runs
    from connector.reporting.run_details import store_reports
    from connector.telemetry.otlp import export_runs

    try:
        with suppress(ConnectorError):
            store_reports(project, run_ids)
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
    shown = replace(record, error=None) if error else record
    for line in summary(shown, capabilities_of(project, record), reason, visible_by(project, record)):
        out(line)


def _as_json(record: RunRecord, observer: QuietObserver, error: str | None = None) -> dict[str, object]:
    """Return the record, and the ids of the runs that were finished before it.

    `error` is for a record without one: it is not in a ledger that could not be written.
    """
    entry = record.as_json()
    resumed = [run_id for run_id in observer.run_ids if run_id != record.run_id]
    return {**entry, "error": entry["error"] or error, "resumed": resumed}
