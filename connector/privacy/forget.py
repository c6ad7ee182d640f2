"""Somebody is to be suppressed: found in what was sent, kept from being sent again, and said so in a receipt."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from connector.config.project import Project
from connector.config.regions import REGIONS
from connector.core.countries import alpha2
from connector.core.outcomes import RunStatus
from connector.destinations.tiktok.audience.suppression import remove_from_audiences
from connector.errors import CorruptStage, UsageError
from connector.ledger.excluded_rows import change_excluded_rows
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import ledger_of, run_directory, runs_directory
from connector.ledger.records import RunRecord
from connector.privacy.access import check_access
from connector.staging.storage.reader import StageReader
from connector.transform.person import PersonDigest, digests_of_email, digests_of_phone
from connector.transform.suppression import SuppressionFilter

NOTES = (
    "TikTok has no call that deletes events which were sent: what it holds of this person is to be asked of TikTok.",
    "Events are found by the first 64 bits of a digest, for as long as their keys are kept (max_age_days).",
)
_KEY_BYTES, _NUMBER_BYTES = 16, 2


@dataclass(frozen=True, slots=True)
class Person:
    """Whom to forget. `region` is where a number without a country code belongs; None: where the destinations say."""

    email: str | None = None
    phone: str | None = None
    region: str | None = None

    def __repr__(self) -> str:
        return "Person(…)"


def forget_person(project: Project, person: Person) -> dict[str, Any]:
    """Puts somebody on the list that every later run is held against, and gives the receipt, which the ledger keeps.

    Nothing of it holds what was given, but digests. Raises UsageError where nobody can be known by it, AccessRefused.
    """
    grant = check_access(project, "forget", None)
    digests = digests_of(project, person)
    suppressed = SuppressionFilter(one.digest for one in digests)
    with ledger_of(project) as ledger:
        grant.record(ledger)
        new = ledger.suppressed.add((one.digest, one.kind) for one in digests)
        receipt = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "by": {"user": grant.use.os_user, "host": grant.use.host},
            "target": project.target,
            "digests": [{"kind": one.kind, "digest": one.digest} for one in digests],
            "new_on_the_list": new,
            "sent": list(_sent(ledger, suppressed)),
            "staged": list(_staged(project, ledger, suppressed)),
            "left_out": list(_left_out(project, suppressed)),
            "audiences": list(remove_from_audiences(project, ledger, [one.digest for one in digests])),
            "notes": [*NOTES, *_under_way(ledger)],
        }
        ledger.suppressed.add_receipt(receipt)
    return receipt


def digests_of(project: Project, person: Person) -> list[PersonDigest]:
    """Every digest by which the person may be known. Raises UsageError, which does not tell what was given."""
    found: list[PersonDigest] = []
    if person.email is not None:
        found += digests_of_email(person.email)
        if not found:
            raise UsageError("Not a valid e-mail address: it needs one @, and a domain with a dot.")
    if person.phone is not None:
        found += _of_phone(person.phone, _regions(project, person.region))
    if not found:
        raise UsageError("Specify --email, --phone or both; - reads the value from stdin.")
    return found


def _regions(project: Project, region: str | None) -> tuple[str, ...]:
    if region is None:
        return project.default_regions or ("US",)
    code = (alpha2(region) or region.strip()).upper()
    if code not in REGIONS:
        raise UsageError(f'--region is "{region}"; it must be a country\'s code or name, as DE or Germany.')
    return (code,)


def _of_phone(number: str, regions: tuple[str, ...]) -> list[PersonDigest]:
    by_region = {region: tuple(digests_of_phone(number, region)) for region in regions}
    found = {digests for digests in by_region.values() if digests}
    if len(found) > 1:
        known = ", ".join(region for region, digests in by_region.items() if digests)
        raise UsageError(
            f"The phone number has no country code and is another one in each of {known}: give it with one, or say "
            "--region."
        )
    if not found:
        raise UsageError(f"Not a valid phone number in {', '.join(regions)}.")
    return list(found.pop())


def _sent(ledger: Ledger, suppressed: SuppressionFilter) -> Iterator[dict[str, Any]]:
    """By run, the keys of the events that were about the person and that a request has left with."""
    for run_id in ledger.delivered.runs_with_keys():
        keys = [key for kept in ledger.delivered.kept(run_id) for key in _keys_about(*kept, suppressed)]
        if keys:
            run = ledger.runs.get(run_id)
            yield {**_named(run), "started_at": run.started_at, "events": len(keys), "event_keys": keys}


def _keys_about(event_keys: bytes, persons: bytes, suppressed: SuppressionFilter) -> Iterator[str]:
    events = len(event_keys) // _KEY_BYTES
    counts = np.frombuffer(persons[: events * _NUMBER_BYTES], "<u2").astype(np.int64)
    for place in np.flatnonzero(suppressed.match_persons(persons[events * _NUMBER_BYTES :], counts)):
        yield event_keys[place * _KEY_BYTES : (place + 1) * _KEY_BYTES].hex()


def _staged(project: Project, ledger: Ledger, suppressed: SuppressionFilter) -> Iterator[dict[str, Any]]:
    """By run that can go on from this folder, how many open events are about the person: they will be skipped."""
    for run in ledger.runs.unfinished():
        directory = run_directory(project, run.run_id)
        with suppress(CorruptStage):  # such a run sends nothing: another reads its rows again
            if run.begun and directory.exists() and (events := _open_events(ledger, run.run_id, directory, suppressed)):
                yield {**_named(run), "events": events}


def _open_events(ledger: Ledger, run_id: str, directory: Path, suppressed: SuppressionFilter) -> int:
    found = 0
    with StageReader(directory) as stage:
        for batch in ledger.batches.open(run_id):
            about = suppressed.match_events(stage.events(batch.record.file, batch.record.place))
            found += sum(int(about[first : first + count].sum()) for first, count in batch.gaps())
    return found


def _left_out(project: Project, suppressed: SuppressionFilter) -> Iterator[dict[str, Any]]:
    """By run, the rows kept in this folder that held a digest of the person and hold none any more."""
    for directory in sorted(runs_directory(project).glob("*/")):
        if rows := change_excluded_rows(directory, suppressed.match_rows, suppressed.redact):
            yield {"run_id": directory.name, "rows": rows}


def _under_way(ledger: Ledger) -> Iterator[str]:
    for run in ledger.runs.unfinished():
        if run.status is RunStatus.RUNNING:
            yield (
                f"Run {run.run_id} is under way, or was killed: what it had staged before is sent, if it is still "
                "running. Type this again when it has ended, to see what it sent."
            )


def _named(run: RunRecord) -> dict[str, Any]:
    return {"run_id": run.run_id, "orchestration": run.orchestration, "target": run.target, "api_url": run.api_url}
