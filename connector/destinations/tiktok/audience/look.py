"""What a run of an audience would do, looked at before it does it."""

import json
import tempfile
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa

from connector.config.project import Project
from connector.destinations.tiktok.audience.accounts import (
    businesses_left,
    left_sentence,
    sent_again,
    states_to_come,
    taken_away,
)
from connector.destinations.tiktok.audience.copies import Copy, changes_to_come, known_copies
from connector.destinations.tiktok.audience.job import AudienceJob, audience_job_now
from connector.destinations.tiktok.audience.membership import members_known
from connector.destinations.tiktok.audience.run import intent_of, is_emptied, large_change
from connector.destinations.tiktok.audience.stage import StagedMembers, people_of, stage_members
from connector.destinations.tiktok.audience.suppression import suppressed_by, without_suppressed
from connector.destinations.tiktok.mapping import SCHEMAS
from connector.destinations.tiktok.units import units
from connector.disk import make_private_folder
from connector.errors import TooManyRejects
from connector.hashed import HashedMembers
from connector.ledger.project_ledger import ledger_of
from connector.pipeline.looks import Plan, Preview
from connector.route import Action
from connector.runs.access import Allowed
from connector.runs.cautions import cautions
from connector.runs.files import last_sent, refuse_wrong, unchanged
from connector.runs.phone_regions import region_questions
from connector.runs.result import open_members
from connector.runs.row_limits import failure_of, failure_of_slice, min_rows_note

UNKNOWN_AUDIENCE = "that of the audience, not known yet"


def plan_audience(project: Project, name: str) -> Plan:
    """Stages the change in a folder that is gone afterwards, and counts; TikTok is not asked."""
    job = audience_job_now(project, name)
    destination, limit = job.destination, job.orchestration.limit
    make_private_folder(project.state_directory)
    with (
        ledger_of(project) as ledger,
        tempfile.TemporaryDirectory(prefix="plan-", dir=project.state_directory) as folder,
        open_members(job, project.directory, limit=limit, last=last_sent(ledger, job, project.target)) as result,
    ):
        told: list[str] = []
        copies = known_copies(ledger, destination, project.target)
        states, suppressed = states_to_come(ledger, copies, destination.mode), suppressed_by(ledger)
        intent, stage = intent_of(destination, limit, states, suppressed), Path(folder) / "stage"
        accounts = [left_sentence(one) for one in businesses_left(project, ledger, destination, copies)]
        accounts += chain.from_iterable(map(lambda *one: taken_away(ledger, *one), copies, states))
        rows = without_suppressed(result.rows, suppressed)
        staged = stage_members(rows, stage, copies, members_known(ledger), intent)
        if result.reading:
            refuse_wrong(result.reading)
            told = [*unchanged(ledger, job, project.target, result.reading), *result.reading.notes]
    told += region_questions(staged.phones, destination)
    requests, failure = len(staged.batches), failure_of(job.orchestration, staged)
    return Plan(
        orchestration=name,
        destination=destination.name,
        target=project.target,
        limit=limit,
        test_event_code=None,
        read=staged.read,
        to_send=sum(batch.rows for batch in staged.batches),
        events=0,
        requests=requests,
        rejects=dict(staged.rejects),
        skips=dict(staged.skips),
        warnings=dict(staged.warnings),
        identical_value={},
        minutes=round(requests / destination.requests_per_second / 60, 4),
        too_many_rejects=failure.message if isinstance(failure, TooManyRejects) else None,
        would_fail=failure.message if failure else None,
        notes=[
            *told,
            *cautions(project, job, result.schema),
            *_notes(job, staged, limit),
            *sent_again(copies, states, staged),
            *accounts,
        ],
        changes=changes_to_come(copies),
        members={
            "added": staged.added,
            "removed": staged.removed,
            "unchanged": staged.unchanged,
            "sent_again": staged.resent,
        },
    )


def _notes(job: AudienceJob, staged: StagedMembers, limit: int | None) -> list[str]:
    found = large_change(job.destination, staged)
    notes = [f"{found} A run asks, or needs `--yes`."] if found else []
    if is_emptied(job.destination, staged, limit):
        notes.append("The result is empty and would empty the audience: a run needs `--allow-empty`.")
    if note := min_rows_note(job.orchestration, limit):
        notes.append(note)
    return notes


def preview_audience(project: Project, name: str, rows: int, allowed: Allowed) -> Preview:
    """The first `rows` people as TikTok would get them, whoever is in the audience, and as many left-out rows."""
    job = audience_job_now(project, name)
    with open_members(job, project.directory, limit=job.orchestration.limit) as result:
        slices = iter(result.rows)
        first = next(slices, None)
        is_whole = next(slices, None) is None
        would_fail = failure_of_slice(job.orchestration, first, is_whole=is_whole)
        is_whole &= job.orchestration.limit is None
        notes = tuple(cautions(project, job, result.schema))
        if result.reading:
            refuse_wrong(result.reading)
            notes += tuple(result.reading.notes)
    if first is None:
        return Preview(name, project.target, 0, [], [], would_fail, notes, is_whole=is_whole)
    with ledger_of(project) as ledger:
        allowed.written(ledger)
        copies = known_copies(ledger, job.destination, project.target)
    left_out = [
        {"row": row["row"], "outcome": row["outcome"], "reason": row["reason"], "columns": json.loads(row["columns"])}
        for row in first.left_out.slice(0, rows).to_pylist()
    ]
    bodies = [_body(job, copies[0], first, rows)]
    return Preview(
        name,
        project.target,
        first.read,
        bodies,
        left_out,
        would_fail,
        notes,
        warnings=first.warnings,
        is_whole=is_whole,
    )


def _body(job: AudienceJob, copy: Copy, first: HashedMembers, rows: int) -> dict[str, Any]:
    some = first.members.slice(0, rows).combine_chunks()
    nobody = pa.ListArray.from_arrays(pa.array([0] * (some.num_rows + 1), pa.int32()), pa.array([], pa.int64()))
    made = units(people_of(some), nobody, copy.audience_id or UNKNOWN_AUDIENCE)
    lines = ",".join(made.table["payload"].to_pylist())
    return {
        "advertiser_ids": list(copy.advertiser_ids),
        "action": (Action.DELETE if job.destination.mode == "remove" else Action.ADD).value,
        "id_schema": list(SCHEMAS.values()),
        "batch_data": json.loads(f"[{lines}]"),
    }
