"""One run of an audience, from what earlier ones left to what TikTok acknowledged."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from shutil import rmtree

from connector.config.destination import AudienceDestination
from connector.config.project import Project
from connector.destinations.confirmation import Consent
from connector.destinations.tiktok.audience.accounts import (
    arrange_accounts,
    businesses_left,
    left_sentence,
    sent_again,
    states_to_come,
    to_refill,
)
from connector.destinations.tiktok.audience.copies import Copy, settle_copies
from connector.destinations.tiktok.audience.job import AudienceJob, audience_job_now
from connector.destinations.tiktok.audience.membership import members_known, settle_changes
from connector.destinations.tiktok.audience.sending import refused_rows, send_changes
from connector.destinations.tiktok.audience.stage import Intent, StagedMembers, stage_members
from connector.destinations.tiktok.audience.suppression import skip_suppressed, suppressed_by, without_suppressed
from connector.destinations.tiktok.endpoint import SIMULATOR
from connector.destinations.tiktok.service import AudienceService, open_audience_service
from connector.errors import CorruptStage, Interrupted, NothingSent, StopResumable, UsageError
from connector.ledger.accounts import States
from connector.ledger.records import OpenBatch, RunRecord, StagedRows
from connector.observer import IDENTIFIER, Observer
from connector.outcomes import RunStatus
from connector.runs.access import Allowed
from connector.runs.cautions import cautions
from connector.runs.context import Execution, execution
from connector.runs.deliver import concluded
from connector.runs.engine import begin
from connector.runs.files import last_sent, records, refuse_wrong, unchanged
from connector.runs.phone_regions import region_questions
from connector.runs.result import open_members
from connector.runs.resume import abandon
from connector.runs.retention import clear_up, reduce_stage, staged_or_not_at_all
from connector.runs.row_limits import min_rows_note, refuse_recorded_rows, refuse_rows
from connector.stage.known import KeySet
from connector.staging.sending import write_left_out

LEAST_USED = 1_000
"""TikTok shows no ads to an audience that matches fewer people (agreed by several sources)."""

MIRROR = "mirror"
READ_ANEW = "Interrupted before anything was sent; the next run reads the result again."


@dataclass(frozen=True, slots=True)
class AudienceOptions:
    """What the command line asks for beyond the file; `allow_empty`: an empty result may empty the audience."""

    limit: int | None = None
    allow_empty: bool = False
    consent: Consent = field(default_factory=Consent)


def run_audience(
    project: Project,
    name: str,
    options: AudienceOptions,
    allowed: Allowed,
    observer: Observer,
    stop: threading.Event,
) -> RunRecord:
    """Finishes interrupted runs, then makes the audience what its query says; raises as `run_orchestration` does."""
    with _at_work(project, name, options, allowed, observer, stop) as (at, work):
        for record in at.ledger.runs.unfinished(name, at.scope(work.destination)):
            _finish_earlier(at, work, record)
        job = audience_job_now(at.project, name, at.ledger)
        limit = options.limit or job.orchestration.limit
        run_id = begin(at, job, test_event_code=None, limit=limit)
        at.ledger.audit.began(work.audit_line, run_id)
        record = _carry_out(at, work, run_id, job, limit)
        clear_up(project, at.ledger)
    return record


def resume_audience(
    project: Project,
    record: RunRecord,
    options: AudienceOptions,
    allowed: Allowed,
    observer: Observer,
    stop: threading.Event,
) -> RunRecord:
    """Finishes one run: from the stage where there is one, else by asking the warehouse again under its own id.

    Another run takes the place of one whose stage is of no use: it is damaged, or meant for a simulator that is gone.
    """
    with _at_work(project, record.orchestration, options, allowed, observer, stop) as (at, work):
        record = at.ledger.runs.get(record.run_id)
        if record.staged and record.api_url == work.destination.api_url == SIMULATOR:
            _read_anew(at, record)
            return _start_over(at, work, record)
        try:
            return _go_on(at, work, record)
        except CorruptStage as corrupt:
            _abandon(at, work, record, corrupt)
            return _start_over(at, work, record)


@dataclass(frozen=True, slots=True)
class _Work:
    """The audience as it stands at TikTok, who is asked, and the line of the audit that says who wants it."""

    destination: AudienceDestination
    service: AudienceService
    copies: Sequence[Copy]
    options: AudienceOptions
    audit_line: int


@contextmanager
def _at_work(
    project: Project,
    name: str,
    options: AudienceOptions,
    allowed: Allowed,
    observer: Observer,
    stop: threading.Event,
) -> Iterator[tuple[Execution, _Work]]:
    """Holds the orchestration and its audience, whose members are settled as far as answers came."""
    destination = audience_job_now(project, name).destination
    with ExitStack() as stack:
        at = stack.enter_context(execution(project, name, observer, stop))
        line = allowed.written(at.ledger)
        service = stack.enter_context(open_audience_service(destination, project.state_directory, observer, stop))
        copies = settle_copies(at.ledger, service.account, destination, project.target, options.consent)
        for copy in copies:
            held = f"the audience {copy.audience_id}"
            stack.enter_context(at.ledger.lock(project.state_directory, held, project.target))
        _arrange(at, destination, copies)
        _settle(at, copies)
        yield at, _Work(destination, service, copies, options, line)


def _arrange(at: Execution, destination: AudienceDestination, copies: Sequence[Copy]) -> None:
    """Takes down which ad accounts are served from now on, before anything is sent, and tells of the others."""
    for sentence in arrange_accounts(at.ledger, copies, destination.mode):
        at.observer.note(sentence)
    for record in businesses_left(at.project, at.ledger, destination, copies):
        at.ledger.accounts.leave(record.key)
        at.observer.note(left_sentence(record))


def _settle(at: Execution, copies: Sequence[Copy]) -> None:
    for copy in copies:
        if copy.key is not None:
            settle_changes(at.ledger, copy.key, at.project.state_directory)


def _finish_earlier(at: Execution, work: _Work, record: RunRecord) -> None:
    """What is staged here is sent; what was not, or was meant for a simulator that is gone, this run reads anew."""
    if not record.resumable:
        return
    directory = at.directory(record.run_id)
    if at.ledger.database.is_shared and record.staged and not directory.exists():
        at.observer.note(
            f"Run {record.run_id} is staged on {record.host or 'another machine'}: this run continues without it."
        )
    elif not record.staged or work.destination.api_url == SIMULATOR:
        _read_anew(at, record)
    else:
        try:
            done = _go_on(at, work, record)
        except CorruptStage as corrupt:
            _abandon(at, work, record, corrupt)
        except NothingSent as failed:
            at.observer.note(f"Run {record.run_id} failed: {failed.message}")
        else:
            at.observer.note(f"Run {done.run_id} is {done.status}: {done.rows.delivered:,} rows delivered.")


def _read_anew(at: Execution, record: RunRecord) -> None:
    """Leave what a run read to another run."""
    at.ledger.runs.finish(record.run_id, RunStatus.INTERRUPTED, error=READ_ANEW, resumable=False)
    rmtree(at.directory(record.run_id), ignore_errors=True)


def _abandon(at: Execution, work: _Work, record: RunRecord, corrupt: CorruptStage) -> None:
    abandon(at, record, corrupt)
    _settle(at, work.copies)


def _start_over(at: Execution, work: _Work, record: RunRecord) -> RunRecord:
    """Compare the audience again, as another run."""
    job = audience_job_now(at.project, record.orchestration, at.ledger)
    run_id = begin(at, job, test_event_code=None, limit=record.row_limit)
    return _carry_out(at, work, run_id, job, record.row_limit)


def _go_on(at: Execution, work: _Work, record: RunRecord) -> RunRecord:
    if record.api_url != work.destination.api_url:
        raise UsageError(f"Run {record.run_id} was meant for {record.api_url}, where the audience no longer goes.")
    at.ledger.runs.resume(record.run_id, holder=at.lock.holder, host=at.lock.host)
    at.observer.resumed(record.run_id, record.orchestration, record.target)
    if not record.staged:
        job = audience_job_now(at.project, record.orchestration, at.ledger)
        return _carry_out(at, work, record.run_id, job, record.row_limit)
    with concluded(at, record.run_id):
        refuse_recorded_rows(at.project.orchestration(record.orchestration), record)
        skip_suppressed(at, record.run_id)
        _send(at, work, record.run_id, at.ledger.batches.open(record.run_id))
    return _ended(at, work, record.run_id)


def _carry_out(at: Execution, work: _Work, run_id: str, job: AudienceJob, limit: int | None) -> RunRecord:
    try:
        with concluded(at, run_id):
            staged = _stage(at, work, run_id, job, limit)
            refuse_rows(job.orchestration, staged, limit)
            if note := min_rows_note(job.orchestration, limit):
                at.observer.note(note)
            _agree(work, staged, limit)
            _send(at, work, run_id, [OpenBatch(batch) for batch in staged.batches])
    except (NothingSent, UsageError):
        reduce_stage(at.directory(run_id))
        raise
    return _ended(at, work, run_id)


def _stage(at: Execution, work: _Work, run_id: str, job: AudienceJob, limit: int | None) -> StagedMembers:
    directory = at.directory(run_id)
    states = states_to_come(at.ledger, work.copies, work.destination.mode)
    intent = intent_of(work.destination, limit, states, suppressed_by(at.ledger))
    with (
        staged_or_not_at_all(directory),
        open_members(
            job,
            at.project.directory,
            limit=limit,
            stop=at.stop,
            run_id=run_id,
            last=last_sent(at.ledger, job, at.project.target),
        ) as result,
    ):
        at.ledger.runs.asked(run_id, result.query_id)
        for caution in cautions(at.project, job, result.schema):
            at.observer.note(caution)
        rows = without_suppressed(result.rows, intent.suppressed)
        staged = stage_members(rows, directory, work.copies, members_known(at.ledger), intent, read=at.observer.read)
        if result.reading:
            refuse_wrong(result.reading)
            for note in [*unchanged(at.ledger, job, at.project.target, result.reading), *result.reading.notes]:
                at.observer.note(note)
            at.ledger.files.read(run_id, records(result.reading))
    for question in region_questions(staged.phones, work.destination):
        at.observer.note(question)
    for copy in work.copies:
        if copy.key is not None:
            at.ledger.accounts.assign(copy.key, run_id)
    counted = StagedRows(staged.read, staged.rejects, staged.skips, staged.warnings, staged.batches, staged.unchanged)
    at.ledger.runs.staged(run_id, counted, holder=at.lock.holder)
    for sentence in sent_again(work.copies, states, staged):
        at.observer.note(sentence)
    at.observer.staged(sum(batch.members for batch in staged.batches), len(staged.batches), IDENTIFIER)
    return staged


def intent_of(
    destination: AudienceDestination, limit: int | None, states: Sequence[States], suppressed: KeySet | None
) -> Intent:
    """What a run may do: a limited one sees some of the people only, so it deletes none."""
    deletes, refill = destination.mode == MIRROR and limit is None, to_refill(states, destination.mode)
    return Intent(destination.mode, deletes, destination.rows_per_request, refill, suppressed)


def _agree(work: _Work, staged: StagedMembers, limit: int | None) -> None:
    """Raises UsageError where the change is one that somebody has to agree to, and nobody does."""
    if is_emptied(work.destination, staged, limit) and not work.options.allow_empty:
        raise UsageError(
            "The result is empty and would empty the audience. Nothing was sent. Pass `--allow-empty` to confirm."
        )
    if too_much := large_change(work.destination, staged):
        work.options.consent.require([too_much])


def is_emptied(destination: AudienceDestination, staged: StagedMembers, limit: int | None) -> bool:
    """Whether the result names nobody, and the audience mirrors it."""
    return destination.mode == MIRROR and limit is None and not staged.people and bool(staged.removed)


def large_change(destination: AudienceDestination, staged: StagedMembers) -> str | None:
    """The sentence on a change of more members than `max_change_percent`.

    The first filling of an audience, or of a copy of it, is none, nor is what an added ad account gets.
    """
    members = sum(one.members for one in staged.filled)
    added, removed = sum(one.added for one in staged.filled), sum(one.removed for one in staged.filled)
    percent = 100 * max(added, removed) / members if members else 0
    if percent <= destination.max_change_percent:
        return None
    return (
        f"{added:,} identifiers are added and {removed:,} removed, of {members:,} known "
        f"({percent:.0f} %, more than max_change_percent: {destination.max_change_percent:g}): an audience that "
        "changes much goes through TikTok's learning phase again."
    )


def _send(at: Execution, work: _Work, run_id: str, open_batches: list[OpenBatch]) -> None:
    keys = {copy.audience_id: copy.key for copy in work.copies}
    advertisers = {copy.audience_id: copy.advertiser_ids for copy in work.copies}
    if gone := {batch.record.route.resource_id for batch in open_batches} - keys.keys():
        raise StopResumable(
            f"Run {run_id} was staged for the audience {min(gone)}, which is no longer that of this destination."
        )
    try:
        if open_batches:
            with work.service.mapping(advertisers) as client:
                send_changes(at, run_id, work.destination, client, open_batches, keys)
    finally:
        write_left_out(at.ledger, run_id, at.directory(run_id), refused_rows)
    if at.stop.is_set():
        raise Interrupted("Interrupted. `connector resume` sends the rest.")


def _ended(at: Execution, work: _Work, run_id: str) -> RunRecord:
    _settle(at, work.copies)
    reduce_stage(at.directory(run_id))
    record = at.ledger.runs.get(run_id)
    for copy in work.copies:
        if copy.key is not None:
            at.ledger.members.synced(copy.key)
            at.ledger.accounts.served(copy.key, copy.audience_id, run_id)
    for sentence in _worth_knowing(at, work, record):
        at.observer.note(sentence)
    return record


def _worth_knowing(at: Execution, work: _Work, record: RunRecord) -> Iterator[str]:
    changed = record.members and (record.members.added or record.members.removed)
    if changed and record.api_url != SIMULATOR:
        yield "TikTok shows what has changed in an audience within 10 hours, and its size after a day or two."
    keys = {copy.key for copy in work.copies}
    for audience in at.ledger.members.known(record.target):
        size = sum(audience.members.values())
        if audience.key in keys and size < LEAST_USED:
            yield (
                f'The audience "{audience.name}" has {size:,} identifiers: TikTok shows no ads to an audience that '
                f"matches fewer than {LEAST_USED:,} people."
            )
