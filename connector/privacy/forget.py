"""Suppression of a person: find what was sent about them, skip them in later runs, and write a receipt."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from connector.config.project import Project
from connector.config.regions import REGIONS
from connector.core.countries import alpha2
from connector.core.outcomes import RunStatus
from connector.destinations.base import DeletesPeople, NotesDeletion
from connector.destinations.registry import implementation_of, implementations
from connector.errors import CorruptStage, UsageError
from connector.ledger.excluded_rows import change_excluded_rows
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import ledger_of, runs_directory
from connector.ledger.run_records import RunRecord
from connector.privacy.access import check_access
from connector.staging.shared_stage import redact_shared_rows, stage_folder, was_driven_here
from connector.staging.storage.reader import StageReader
from connector.staging.storage.shared_folder import UnreachableFolder
from connector.transform.suppression_filter import PersonDigest, SuppressionFilter, digests_of_email, digests_of_phone

FOUND_BY = "Events are found by the first 64 bits of a digest, as long as their keys are stored (max_age_days)."
_KEY_BYTES, _COUNT_BYTES = 16, 2


@dataclass(frozen=True, slots=True)
class Person:
    """The person to suppress. Does not print itself."""

    email: str | None = None
    phone: str | None = None
    region: str | None = None
    """The country of a number without a country code. None: the default regions of the destinations."""

    def __repr__(self) -> str:
        return "Person(…)"


def forget_person(project: Project, person: Person) -> dict[str, Any]:
    """Suppress a person in all later runs, and return the receipt, which is stored in the ledger as well.

    The receipt holds digests of the identifiers only. Raises UsageError if they identify nobody, AccessRefused.
    """
    grant = check_access(project, "forget", None)
    digests = digests_of(project, person)
    suppressed = SuppressionFilter(digest.digest for digest in digests)
    with ledger_of(project) as ledger:
        grant.record(ledger)
        notes = dict[str, str]()
        new = ledger.suppression.add((digest.digest, digest.kind) for digest in digests)
        receipt = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "by": {"user": grant.use.os_user, "host": grant.use.host},
            "target": project.target,
            "digests": [{"kind": digest.kind, "digest": digest.digest} for digest in digests],
            "new_on_the_list": new,
            "sent": list(_sent(ledger, suppressed)),
            "staged": list(_staged(project, ledger, suppressed, notes)),
            "left_out": list(_redacted(project, ledger, suppressed, notes)),
            "audiences": list(_deleted(project, ledger, [digest.digest for digest in digests])),
            "notes": [*dict.fromkeys(_deletion_notes(project)), FOUND_BY, *_running(ledger), *notes.values()],
        }
        ledger.suppression.add_receipt(receipt)
    return receipt


def _deleted(project: Project, ledger: Ledger, digests: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Have every type of destination that can do so delete the person; yield what each did."""
    for implementation in implementations():
        if isinstance(implementation, DeletesPeople):
            yield from implementation.delete_people(project, ledger, digests)


def _deletion_notes(project: Project) -> Iterator[str]:
    """Yield what to do about events that were sent to the destinations of the project."""
    for _, entry in project.node("destinations").entries():
        implementation = implementation_of(entry.at(("type",)).value, dict(entry.entries()))
        if isinstance(implementation, NotesDeletion):
            yield implementation.deletion_note


def digests_of(project: Project, person: Person) -> list[PersonDigest]:
    """Return all digests that identify the person. Raises UsageError, which does not quote the identifiers."""
    digests: list[PersonDigest] = []
    if person.email is not None:
        digests += digests_of_email(person.email)
        if not digests:
            raise UsageError("Not a valid e-mail address: it needs one @, and a domain with a dot.")
    if person.phone is not None:
        digests += _phone_digests(person.phone, _regions(project, person.region))
    if not digests:
        raise UsageError("Specify --email, --phone or both; - reads the value from stdin.")
    return digests


def _regions(project: Project, region: str | None) -> tuple[str, ...]:
    if region is None:
        return project.default_regions or ("US",)
    code = (alpha2(region) or region.strip()).upper()
    if code not in REGIONS:
        raise UsageError(f'--region is "{region}"; it must be the code or name of a country, such as DE or Germany.')
    return (code,)


def _phone_digests(number: str, regions: tuple[str, ...]) -> list[PersonDigest]:
    by_region = {region: tuple(digests_of_phone(number, region)) for region in regions}
    distinct = {digests for digests in by_region.values() if digests}
    if len(distinct) > 1:
        names = ", ".join(region for region, digests in by_region.items() if digests)
        raise UsageError(
            f"The phone number has no country code and is a different number in each of {names}: add the country "
            "code, or specify --region."
        )
    if not distinct:
        raise UsageError(f"Not a valid phone number in {', '.join(regions)}.")
    return list(distinct.pop())


def _sent(ledger: Ledger, suppressed: SuppressionFilter) -> Iterator[dict[str, Any]]:
    """Yield for each run the keys of the events about the person that were sent in a request."""
    for run_id in ledger.delivered.runs_with_keys():
        keys = [key for columns in ledger.delivered.of_run(run_id) for key in _keys_about(*columns, suppressed)]
        if keys:
            run = ledger.runs.get(run_id)
            yield {**_run_names(run), "started_at": run.started_at, "events": len(keys), "event_keys": keys}


def _keys_about(event_keys: bytes, persons: bytes, suppressed: SuppressionFilter) -> Iterator[str]:
    events = len(event_keys) // _KEY_BYTES
    counts = np.frombuffer(persons[: events * _COUNT_BYTES], "<u2").astype(np.int64)
    for index in np.flatnonzero(suppressed.match_persons(persons[events * _COUNT_BYTES :], counts)):
        yield event_keys[index * _KEY_BYTES : (index + 1) * _KEY_BYTES].hex()


def _staged(
    project: Project, ledger: Ledger, suppressed: SuppressionFilter, notes: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """Yield for each run that can be resumed here how many open events, which it will skip, are about the person."""
    for run in ledger.runs.unfinished():
        with (
            suppress(CorruptStage),  # Such a run sends nothing; another one reads its rows again.
            _noted(run, notes),
            stage_folder(project, run) as directory,
        ):
            if not run.may_have_sent or not directory.exists():
                continue
            if events := _open_events(ledger, run.run_id, directory, suppressed):
                yield {**_run_names(run), "events": events}


def _open_events(ledger: Ledger, run_id: str, directory: Path, suppressed: SuppressionFilter) -> int:
    events = 0
    with StageReader(directory) as stage:
        for batch in ledger.batches.open(run_id):
            about = suppressed.match_events(stage.events(batch.record.file, batch.record.position))
            events += sum(int(about[first : first + count].sum()) for first, count in batch.pending_ranges())
    return events


def _redacted(
    project: Project, ledger: Ledger, suppressed: SuppressionFilter, notes: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """Remove digests of the person from excluded rows, and yield for each run how many rows changed."""
    rows = {
        directory.name: change_excluded_rows(directory, suppressed.match_rows, suppressed.redact)
        for directory in runs_directory(project).glob("*/")
    }
    for run in ledger.runs.with_stage():
        with _noted(run, notes):
            changed = redact_shared_rows(run, suppressed.match_rows, suppressed.redact)
            rows[run.run_id] = max(rows.get(run.run_id, 0), changed)
            if changed and not was_driven_here(run):
                notes[run.run_id] = (
                    f"{run.host} may have a copy of the excluded rows of run {run.run_id}: run this command there too."
                )
    for run_id in sorted(rows):
        if rows[run_id]:
            yield {"run_id": run_id, "rows": rows[run_id]}


@contextmanager
def _noted(run: RunRecord, notes: dict[str, str]) -> Iterator[None]:
    """Note a run of which the shared stage cannot be reached."""
    try:
        yield
    except UnreachableFolder as error:
        notes[run.run_id] = (
            f"What run {run.run_id} staged was not searched, since {error.fault}: run this command again."
        )


def _running(ledger: Ledger) -> Iterator[str]:
    for run in ledger.runs.unfinished():
        if run.status is RunStatus.RUNNING:
            yield (
                f"Run {run.run_id} is running or was killed. If it is still running, it sends what it has staged: run "
                "this command again when it has ended, to see what it sent."
            )


def _run_names(run: RunRecord) -> dict[str, Any]:
    return {"run_id": run.run_id, "orchestration": run.orchestration, "target": run.target, "api_url": run.api_url}
