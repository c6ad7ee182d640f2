"""Read the result of a run, or the selected rows of it, and stage it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from connector.config.project import Project
from connector.destinations.base import StageContext
from connector.destinations.context import RunContext
from connector.errors import NothingSent, UsageError
from connector.ledger.excluded_rows import read_excluded_rows
from connector.ledger.run_records import StagedRows
from connector.runs.job import Job
from connector.runs.phone_regions import region_questions
from connector.runs.result import OpenResult, open_result
from connector.runs.retention import atomic_stage
from connector.staging.event_metrics import plain_texts
from connector.staging.staged import Staged
from connector.staging.streaming import StreamingStage
from connector.transform.row_selection import RowSelection

if TYPE_CHECKING:
    from connector.config.engine import EngineSettings
    from connector.files.scan_report import ScanReport
    from connector.queries.cursor import CursorRange
    from connector.runs.files import SentFiles


ReadResult = Callable[[Path | None], AbstractContextManager[OpenResult]]
"""Opens a result that tasks read, given a file of people who are not sent."""
Approve = Callable[[Staged], None]
"""Raises NothingSent or UsageError if the stage must not be sent."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run whose result is read and staged."""

    run_id: str
    job: Job
    test_event_code: str | None
    limit: int | None
    """Rows to read at most."""
    resend_unknown: bool = False
    """Send events again whose answer was lost."""
    selection: RowSelection | None = None
    """Rows to send, of a retried run; None: all."""
    engine: "EngineSettings | None" = None
    """The machines that share the work; None: this process does all of it."""


def engine_of(job: Job, limit: int | None, retry_of: str | None) -> "EngineSettings | None":
    """Return the engine of a run; None if this process reads only some rows, which is soon done."""
    return job.orchestration.engine if limit is None and retry_of is None else None


def read_and_stage(
    context: RunContext,
    run: Run,
    targets: Any,
    stop: Event,
    *,
    approve: Approve = lambda _: None,
    streaming: StreamingStage | None = None,
    read: ReadResult | None = None,
) -> Staged:
    """Stage the result of a run that the ledger knows, until `stop` is set, and record how many rows it has.

    The run counts as staged once `approve` returns, so that no later command sends an unapproved stage. With
    `streaming`, batches are published meanwhile; `read` opens the result if tasks read it. Raises as `open_result` and
    `approve` do, and ResumableError if the disk fails.
    """
    directory, published = context.directory(run.run_id), streaming.batches if streaming else []
    with (
        atomic_stage(directory, published),
        _opted_out(context, run, stop) as opted_out,
        read(opted_out) if read else _result(context, run, stop) as result,
    ):
        if read is None:
            context.ledger.runs.asked(run.run_id, result.query_id)
        for note in setting_notes(context.project, run.job, result.schema):
            context.observer.note(note)
        staged = run.job.destination.stage(
            result.rows, targets, _stage_context(context, run, result, streaming, opted_out)
        )
        if result.reading is not None:
            _record_files(context, run, result.reading)
        staged.has_input = has_input(result, staged) and not run.job.is_incremental
    cursor = _reached(run, result)
    if result.highest is not None and (future := result.highest.future):
        context.observer.note(
            f"{future:,} row{'s have' if future > 1 else ' has'} a {result.highest.name} of the future: the next run "
            "begins where the others end."
        )
    for question in region_questions(staged.phones, run.job.settings):
        context.observer.note(question)
    for note in staged.notes:
        context.observer.note(note)
    units = sum(batch.events for batch in published) + staged.units
    requests = len(published) + len(staged.batches)
    context.observer.staged(units, requests, run.job.destination.capabilities.unit)
    try:
        approve(staged)
    except (NothingSent, UsageError):
        _record(context, run, staged, cursor)
        raise
    _record(context, run, staged, cursor)
    return staged


def _opted_out(context: RunContext, run: Run, stop: Event) -> AbstractContextManager[Path | None]:
    if run.job.opt_out is None:
        return nullcontext()
    from connector.runs.opted_out import opted_out

    return opted_out(context.project, run.job, stop)


def _record(context: RunContext, run: Run, staged: Staged, cursor: "CursorRange | None") -> None:
    context.ledger.runs.staged(run.run_id, _rows(staged, cursor), holder=context.lock.holder)


def _reached(run: Run, result: OpenResult) -> "CursorRange | None":
    """Return the rows that were read, with the highest value among them; None if the job reads all rows."""
    if run.job.cursor is None or result.highest is None:
        return None
    return run.job.cursor.advanced(result.highest)


def has_input(result: OpenResult, staged: Staged) -> bool:
    """Return whether there was a query or a file to read."""
    return result.reading is None or bool(staged.read or result.reading.files)


def setting_notes(project: Project, job: Job, schema: pa.Schema | None) -> list[str]:
    """Return a sentence for each setting, secret, or column of the `schema`, that is probably a mistake."""
    notes = job.destination.setting_notes(project, job.template, schema, prescribed=job.has_prescribed_columns)
    return [*project.secret_notes, *_held_back(project, job), *notes, *_engine_notes(project, job)]


def _held_back(project: Project, job: Job) -> list[str]:
    """Return the sentence on the dbt model that holds a run back, if one does."""
    if not job.models:
        return []
    from connector.runs.dbt_builds import hold_reason

    reason = hold_reason(project, job)
    return [reason] if reason else []


def _engine_notes(project: Project, job: Job) -> list[str]:
    if job.orchestration.engine is None:
        return []
    from connector.runs.engine_checks import engine_notes

    return list(engine_notes(project, job.orchestration, job.orchestration.engine))


def _result(context: RunContext, run: Run, stop: Event) -> AbstractContextManager[OpenResult]:
    return open_result(
        run.job,
        context.project.directory,
        limit=run.limit,
        test_event_code=run.test_event_code,
        selection=run.selection,
        stop=stop,
        run_id=run.run_id,
        sent_files=files_sent_before(context, run),
    )


def _stage_context(
    context: RunContext, run: Run, result: OpenResult, streaming: StreamingStage | None, opted_out: Path | None
) -> StageContext:
    return StageContext(
        ledger=context.ledger,
        directory=context.directory(run.run_id),
        compiler=result.compiler,
        run_id=run.run_id,
        test_event_code=run.test_event_code,
        limit=run.limit,
        resend_unknown=run.resend_unknown,
        on_read=context.observer.read,
        streaming=streaming,
        splits=result.splits,
        opted_out=opted_out,
    )


def _rows(staged: Staged, cursor: "CursorRange | None") -> StagedRows:
    return StagedRows(
        staged.read,
        staged.rejects,
        staged.skips,
        staged.warnings,
        staged.batches,
        unchanged_members=None if staged.changes() is None else staged.unchanged,
        recorded_batches=staged.published_batches,
        identical_value=plain_texts(staged.identical_value),
        cursor=cursor.as_json() if cursor else None,
    )


def files_sent_before(context: RunContext, run: Run) -> "SentFiles | None":
    """Return the files that need not be read again; None for a retry, which reads them for their excluded rows."""
    if run.job.file is None or run.selection is not None or run.resend_unknown:
        return None
    from connector.runs.files import sent_files

    return sent_files(context.ledger, run.job, context.project.target, run.test_event_code)


def _record_files(context: RunContext, run: Run, reading: "ScanReport") -> None:
    from connector.runs.files import file_notes, records

    for sentence in file_notes(context.ledger, run.job, context.project.target, reading):
        context.observer.note(sentence)
    context.ledger.files.read(run.run_id, records(reading))


def select_rejected(context: RunContext, run_id: str, reason: str | None) -> RowSelection:
    """Select the rows that a run rejected for `reason` (None: any). Raises UsageError if none are recorded."""
    with _excluded_folder(context, run_id) as folder:
        selection = RowSelection.from_excluded(read_excluded_rows(folder, reason=reason, outcome="rejected"))
    if not len(selection.ids) and not selection.include_unidentified:
        why = f" for {reason}" if reason else ""
        raise UsageError(
            f"Run {run_id} has no rejected rows{why} that are kept in this folder: there is nothing to retry."
        )
    return selection


@contextmanager
def _excluded_folder(context: RunContext, run_id: str) -> Iterator[Path]:
    from connector.staging.shared_stage import excluded_folder

    with excluded_folder(context.project, context.ledger.runs.get(run_id)) as folder:
        yield folder
