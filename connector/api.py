"""The connector from Python: open a project, inspect it, run it, and read the outcome of every row.

Nothing here prints or exits. Every error is a `connector.errors.ConnectorError`.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from connector.observer import Observer, Progress, observer_of

if TYPE_CHECKING:
    import pyarrow as pa

    from connector.config.project import Project as Settings
    from connector.core.outcomes import RunStatus
    from connector.destinations.confirmation import Confirmation
    from connector.inspection.destination_tests import DestinationSummary, DestinationTest
    from connector.inspection.plan import Plan
    from connector.inspection.preview import Preview
    from connector.inspection.promote import Promotion
    from connector.inspection.query_tests import QueryTestReport, QueryTestResult
    from connector.inspection.record_test import RecordedTest
    from connector.inspection.validate import CompiledSql, ValidatedOrchestration, Validation
    from connector.ledger.run_records import RowCounts, RunRecord
    from connector.reporting.run_details import RunDetails
    from connector.runs.plan_file import PlanFile

Confirm: TypeAlias = "bool | Callable[[str], bool | None] | Confirmation"
"""Consent to changes at the platform: `True` agrees, `False` declines, and a function is asked each question.

A function that returns None says that nobody can answer; a `Confirmation` may hold what was agreed to before."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the ledger knows it."""

    record: "RunRecord"
    """Every number, as `connector run --json` prints it."""
    _settings: "Settings"

    @property
    def run_id(self) -> str:
        """The id, as `connector runs` lists it."""
        return self.record.run_id

    @property
    def status(self) -> "RunStatus":
        """`completed`, `completed_with_rejects`, `failed`, `interrupted` or `running`."""
        return self.record.status

    @property
    def rows(self) -> "RowCounts":
        """Counts of rows: `read = delivered + rejected + skipped + pending`."""
        return self.record.rows

    @property
    def reasons(self) -> Mapping[str, int]:
        """Rejected rows by reason."""
        return self.record.rejects

    @property
    def rejects(self) -> "pa.Table":
        """The rejected rows, of which nothing identifies anybody but as a digest.

        Columns: row, outcome, reason, code, message and columns (JSON). Raises AccessRefused.
        """
        return self.excluded()

    def excluded(self, reason: str | None = None) -> "pa.Table":
        """Return the rejected rows, or the rows excluded for one reason. Raises UsageError, AccessRefused."""
        import pyarrow as pa

        from connector.core.hashed_rows import EXCLUDED_ROW
        from connector.reporting.rejects import read_rejects

        _, batches = read_rejects(self._settings, self.run_id, reason)
        return pa.Table.from_batches(batches, EXCLUDED_ROW)

    def as_json(self) -> dict[str, object]:
        """Return the object that `connector run --json` prints."""
        return self.record.as_json()


class Project:
    """A folder with `orchestrations.yaml`, under one target."""

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings

    @property
    def settings(self) -> "Settings":
        """The settings of the project, resolved for the target."""
        return self._settings

    @property
    def folder(self) -> Path:
        """The project's folder, absolute."""
        return self._settings.directory

    @property
    def target(self) -> str:
        """The target in use."""
        return self._settings.target

    @property
    def orchestrations(self) -> Sequence[str]:
        """The names of the orchestrations, in the order of the file."""
        return tuple(self._settings.orchestrations)

    def select(self, *names: str, tags: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the named orchestrations, then those with one of the tags in the order of the file, each once.

        Raises ConfigurationError for a name, UsageError for a tag that there is not.
        """
        from connector.config.suggest import did_you_mean
        from connector.errors import UsageError

        _check_each(self._settings.tags, names)
        tagged = {name: self._settings.tags(name) for name in self.orchestrations} if tags else {}
        known = dict.fromkeys(tag for own in tagged.values() for tag in own)
        for tag in tags:
            if tag not in known:
                hint = did_you_mean(tag, list(known)) or f" The tags are {', '.join(known) or 'none'}."
                raise UsageError(f'No orchestration has the tag "{tag}".{hint}')
        return tuple(dict.fromkeys([*names, *(name for name, own in tagged.items() if set(own) & set(tags))]))

    def under(self, target: str) -> "Project":
        """Return the project under another target. Raises ConfigurationError if there is none of this name."""
        return Project(self._settings.under(target))

    def validate(self, *names: str, connect: bool = False) -> list["ValidatedOrchestration"]:
        """Check orchestrations (default: all), with `connect` against the warehouse and the ad account too.

        Raises ConfigurationError with all problems, SourceError if a warehouse fails.
        """
        from connector.inspection.validate import validate_orchestrations

        return validate_orchestrations(self._settings, list(names or self.orchestrations), connect=connect)

    def compile(self, name: str) -> "CompiledSql":
        """Return the SQL that will run: the query, and the transform. Raises ConfigurationError, SourceError."""
        from connector.inspection.validate import compile_sql

        return compile_sql(self._settings, name)

    def plan(
        self,
        name: str,
        *,
        limit: int | None = None,
        test_event_code: str | None = None,
        engine: str | None = None,
        full: bool = False,
    ) -> "Plan":
        """Read and check the whole result, and count what a run with the same options would send. Send nothing.

        `plan.file.as_text()` is a file for review, to which `run` can be held. Raises ConfigurationError, SourceError.
        """
        from connector.inspection.plan import plan_orchestration

        settings = self._settings.with_engine(engine)
        return plan_orchestration(settings, name, limit=limit, test_event_code=test_event_code, full=full)

    def preview(self, name: str, rows: int = 3) -> "Preview":
        """Return request bodies with the first events, hashed.

        Raises ConfigurationError, SourceError, AccessRefused.
        """
        from connector.inspection.preview import preview_orchestration

        return preview_orchestration(self._settings, name, rows)

    def test(
        self, name: str | None = None, *, on_result: "Callable[[QueryTestResult], None] | None" = None
    ) -> "QueryTestReport":
        """Run the tests of queries in `tests/`, those of one orchestration, or the one test `ORCHESTRATION/TEST`.

        They need no warehouse and no secret, and send nothing. Raises ConfigurationError with the problems of all
        files, UsageError if nothing has the name.
        """
        from connector.inspection.query_tests import run_query_tests

        return run_query_tests(self._settings, name, on_result or (lambda _: None))

    def record_test(self, name: str, rows: int = 10) -> "RecordedTest":
        """Read the first rows of a result, make up its people, and return a test of what becomes of these rows.

        Raises ConfigurationError, SourceError, AccessRefused.
        """
        from connector.inspection.record_test import record_query_test

        return record_query_test(self._settings, name, rows)

    def promote(self, name: str, before: str = "sandbox", after: str = "production") -> "Promotion":
        """Compare an orchestration under two targets. Raises ConfigurationError, UsageError if both are the same."""
        from connector.inspection.promote import compare_targets

        return compare_targets(self._settings, name, before, after)

    def destinations(self) -> list["DestinationSummary"]:
        """Return where each destination sends to, in the order of the file. Raises ConfigurationError."""
        from connector.inspection.destination_tests import list_destinations

        return list_destinations(self._settings)

    def test_destination(self, name: str, *, test_event_code: str | None = None) -> "DestinationTest":
        """Ask the platform whether a destination can be written to. Raises ConfigurationError, AccessRefused."""
        from connector.inspection.destination_tests import run_destination_test

        return run_destination_test(self._settings, name, test_event_code)

    def run(
        self,
        name: str,
        *,
        limit: int | None = None,
        test_event_code: str | None = None,
        engine: str | None = None,
        full: bool = False,
        resend_unknown: bool = False,
        allow_empty: bool = False,
        plan: "str | Path | Plan | None" = None,
        fresh: bool = False,
        confirm: Confirm = False,
        on_progress: "Callable[[Progress], None] | Observer | None" = None,
        stop: threading.Event | None = None,
    ) -> Run:
        """Finish interrupted runs of an orchestration, then run it.

        With a `plan`, or the path of its file, send only if query, template and settings are those of the plan (else
        UsageError), and the counts nearly so (else PlanChanged, a NothingSent). `fresh` first forgets what earlier runs
        sent to the simulator. `engine` is used in place of the orchestration's own; `"none"` stands for this process
        alone. `full` reads all rows of an orchestration with a `cursor`. Setting `stop` ends the run as soon as the
        requests in flight are answered.

        Raises ConfigurationError, AccessRefused, UsageError if a change is not confirmed, LockedError if it is being
        run, NothingSent because of the rows, ResumableError, Interrupted or SourceError. `last_run` returns what became
        of the rows then.
        """
        from connector.destinations.confirmation import Confirmation
        from connector.runs.engine import RunOptions
        from connector.runs.run import run_orchestration

        if isinstance(confirm, Confirmation):
            confirmation = confirm
        else:
            confirmation = Confirmation(yes=True) if confirm is True else Confirmation(ask=confirm or _nobody)
        options = RunOptions(
            limit, test_event_code, resend_unknown, allow_empty, confirmation, _plan_file(plan), fresh, full
        )
        observer = observer_of(on_progress)
        settings = self._settings.with_engine(engine)
        return self._wrap(run_orchestration(settings, name, options, observer=observer, stop=stop))

    def resume(
        self,
        run_id: str | None = None,
        *,
        resend_unknown: bool = False,
        on_progress: "Callable[[Progress], None] | Observer | None" = None,
        stop: threading.Event | None = None,
    ) -> Run:
        """Finish the run with this id, else the last one that can be finished. Raises as `run` does, and UsageError."""
        from connector.runs.resume import resume_run

        observer, event = observer_of(on_progress), stop or threading.Event()
        return self._wrap(resume_run(self._settings, run_id, observer, event, resend_unknown=resend_unknown))

    def retry(
        self,
        run_id: str,
        *,
        reason: str | None = None,
        on_progress: "Callable[[Progress], None] | Observer | None" = None,
        stop: threading.Event | None = None,
    ) -> Run:
        """Read again the rows that a run rejected, and send those that pass now.

        Raises as `run` does, and UsageError if there is nothing to retry.
        """
        from connector.runs.retry import retry_run

        observer, event = observer_of(on_progress), stop or threading.Event()
        return self._wrap(retry_run(self._settings, run_id, reason, observer, event))

    def stop(self, run_id: str) -> Run:
        """Ask a run in progress, on whatever machine, to stop once its requests in flight are answered.

        Raises UsageError if it is not in progress, AccessRefused.
        """
        from connector.runs.stop import request_stop

        return self._wrap(request_stop(self._settings, run_id))

    def runs(self, name: str | None = None, *, limit: int = 20, since: datetime | None = None) -> Iterator[Run]:
        """Yield the last runs, latest first. Raises UsageError for an orchestration that is not known."""
        from connector.reporting.run_history import RunFilter, latest_runs

        records = latest_runs(self._settings, RunFilter(limit=limit, orchestration=name, since=since))
        return (self._wrap(record) for record, _ in records)

    def details(self, run_id: str) -> "RunDetails":
        """Return all that is known of a run: timeline, examples of rejected rows, requests, match coverage, value.

        Raises UsageError if there is no such run.
        """
        from connector.reporting.run_details import load_run_details

        return load_run_details(self._settings, run_id)

    def forget(
        self, *, email: str | None = None, phone: str | None = None, region: str | None = None
    ) -> dict[str, Any]:
        """Suppress a person in all future runs, and return the receipt. Raises UsageError, AccessRefused."""
        from connector.privacy.forget import Person, forget_person

        return forget_person(self._settings, Person(email, phone, region))

    def last_run(self, name: str | None = None) -> Run | None:
        """Return the latest run, if there is one."""
        return next(self.runs(name, limit=1), None)

    def find_run(self, run_id: str) -> Run:
        """Return the run with this id. Raises UsageError if there is none."""
        from connector.ledger.project_ledger import find_run

        return self._wrap(find_run(self._settings, run_id))

    def _wrap(self, record: "RunRecord") -> Run:
        return Run(record, self._settings)


def open_project(
    folder: str | Path = ".",
    *,
    target: str | None = None,
    environ: Mapping[str, str] | None = None,
    config_directory: Path | None = None,
) -> Project:
    """Read and check `orchestrations.yaml` of a folder; `environ` (default: this process's) fills in `{{ env.NAME }}`.

    With `config_directory`, the files are read there, as a copy of those of the folder. Raises ConfigurationError with
    every problem found.
    """
    from connector.config.project import load_project

    given = os.environ if environ is None else environ
    return Project(load_project(Path(folder), given, target, config_directory=config_directory))


def _plan_file(plan: "str | Path | Plan | None") -> "PlanFile | None":
    if plan is None:
        return None
    from connector.runs.plan_file import load_plan_file

    return load_plan_file(Path(plan)) if isinstance(plan, str | Path) else plan.file


def validate_project(
    folder: str | Path = ".",
    name: str | None = None,
    *,
    target: str | None = None,
    connect: bool = False,
    environ: Mapping[str, str] | None = None,
    config_directory: Path | None = None,
) -> "Validation":
    """Check `orchestrations.yaml`, the queries and the templates, also if some of them are invalid.

    The parameters are those of `open_project` and of `Project.validate`. Raises SourceError if a warehouse fails.
    """
    from connector.inspection.validate import validate_project as validate_folder

    given = os.environ if environ is None else environ
    return validate_folder(Path(folder), given, target, name, connect=connect, config_directory=config_directory)


def _check_each(check: Callable[[str], object], names: Sequence[str]) -> None:
    """Check every name. Raises ConfigurationError with the problems of all of them."""
    from connector.errors import ConfigurationError, Problem

    problems: list[Problem] = []
    for name in names:
        try:
            check(name)
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(problems)


def _nobody(_: str) -> None:
    return None
