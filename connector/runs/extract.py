"""Asks the warehouse, and stages the result."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING

from connector.ledger.records import StagedRows
from connector.runs.cautions import cautions
from connector.runs.context import Execution, known_keys
from connector.runs.job import Job
from connector.runs.phone_regions import region_questions
from connector.runs.result import OpenResult, open_result
from connector.runs.retention import staged_or_not_at_all
from connector.staging.event_metrics import plain_texts
from connector.staging.skip_delivered import Known
from connector.staging.skip_suppressed import forgotten_by
from connector.staging.stage import Staged, stage
from connector.staging.streaming import Early
from connector.transform.chosen import ChosenRows

if TYPE_CHECKING:
    from connector.runs.files import Before


@dataclass(frozen=True, slots=True)
class Run:
    """A run whose result is to be read, as far as its `limit` goes, and of it only the rows that are `chosen`."""

    run_id: str
    job: Job
    test_event_code: str | None
    limit: int | None
    resend_unknown: bool = False
    chosen: ChosenRows | None = None


def read_and_stage(at: Execution, run: Run, stop: Event, early: Early | None = None) -> Staged:
    """Stages the result of a run that the ledger knows, until `stop` is set, and writes down how many rows it has.

    With `early`, batches are handed on meanwhile. Raises as `open_result` does, and StopResumable where the disk fails.
    """
    directory, begun = at.directory(run.run_id), early.batches if early else []
    with staged_or_not_at_all(directory, begun), _result(at, run, stop) as result:
        at.ledger.runs.asked(run.run_id, result.query_id)
        for caution in cautions(at.project, run.job, result.schema):
            at.observer.note(caution)
        staged = stage(
            result.rows,
            directory,
            result.compiled.rules,
            known=_known(at, run),
            forgotten=forgotten_by(at.ledger),
            read=at.observer.read,
            early=early,
        )
        _conclude_files(at, run.run_id, result)
        staged.has_input = has_input(result, staged)
    for question in region_questions(staged.phones, run.job.destination):
        at.observer.note(question)
    rows = StagedRows(
        staged.read,
        staged.rejects,
        staged.skips,
        staged.warnings,
        staged.batches,
        kept=staged.kept,
        identical_value=plain_texts(staged.identical_value),
    )
    at.ledger.runs.staged(run.run_id, rows, holder=at.lock.holder)
    events = [*(batch.events for batch in begun), *(batch.events for batch in staged.batches)]
    at.observer.staged(sum(events), len(events))
    return staged


def has_input(result: OpenResult, staged: Staged) -> bool:
    """Return whether there was a query or a file to read."""
    return result.reading is None or bool(staged.read or result.reading.files)


def _result(at: Execution, run: Run, stop: Event) -> AbstractContextManager[OpenResult]:
    return open_result(
        run.job,
        at.project.directory,
        limit=run.limit,
        test_event_code=run.test_event_code,
        chosen=run.chosen,
        stop=stop,
        run_id=run.run_id,
        before=_before(at, run),
    )


def _known(at: Execution, run: Run) -> Known:
    return known_keys(
        at.ledger,
        at.scope(run.job.destination),
        run.job.destination,
        test_event_code=run.test_event_code,
        resend_unknown=run.resend_unknown,
        but=run.run_id,
    )


def _before(at: Execution, run: Run) -> "Before | None":
    """The files that need not be read again, unless it is about rows that were left out of them."""
    if run.job.file is None or run.chosen is not None or run.resend_unknown:
        return None
    from connector.runs.files import files_before

    return files_before(at.ledger, run.job, at.project.target, run.test_event_code)


def _conclude_files(at: Execution, run_id: str, result: OpenResult) -> None:
    if result.reading is None:
        return
    from connector.runs.files import records, refuse_wrong, rejected_lines

    refuse_wrong(result.reading)
    for sentence in (*result.reading.notes, *rejected_lines(result.reading)):
        at.observer.note(sentence)
    at.ledger.files.read(run_id, records(result.reading))
