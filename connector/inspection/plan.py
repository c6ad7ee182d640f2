"""Plans: counts of what a run would send, made by executing all of it but the sending."""

import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from connector.config.project import Project
from connector.core.disk import make_private_folder
from connector.destinations.base import StageContext
from connector.errors import TooManyRejects
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import ledger_of
from connector.runs.extract import has_input, setting_notes
from connector.runs.files import file_notes, sent_files
from connector.runs.job import Job, job_and_changes
from connector.runs.phone_regions import region_questions
from connector.runs.plan_file import PlanFile, plan_file, planned_rows
from connector.runs.result import OpenResult, open_result
from connector.runs.row_limits import failure_of, min_rows_note
from connector.staging.event_metrics import plain_texts
from connector.staging.staged import Staged

if TYPE_CHECKING:
    from connector.runs.engine_plan import EnginePlan


@dataclass(frozen=True, slots=True)
class Plan:
    """Counts of the rows, events and requests of a run."""

    orchestration: str
    destination: str
    target: str
    limit: int | None
    test_event_code: str | None
    read: int
    to_send: int
    events: int
    requests: int
    rejects: dict[str, int]
    skips: dict[str, int]
    warnings: dict[str, int]
    identical_value: Mapping[str, str]
    """The value that rows counted as `identical_rows` add to events: a decimal number by currency."""
    minutes: float
    """The least minutes that the requests take at the rate limit."""
    too_many_rejects: str | None
    """The error about too many rejected rows, if a run would send nothing for that reason."""
    would_fail: str | None
    """The error with which a run would send nothing, if it would."""
    notes: list[str]
    """Sentences on settings, files and phone numbers."""
    changes: list[str]
    """Changes that a run would make in the ad account before it sends."""
    members: dict[str, int] | None = None
    """The identifiers that a run adds to an audience, removes and leaves. None for a destination of events."""
    engine: "EnginePlan | None" = None
    """The tasks on the engine. None if one process does all work."""
    file: PlanFile = field(kw_only=True, repr=False)
    """The plan as a file, to which a run can be held."""

    def as_json(self) -> dict[str, object]:
        """Return the object that `connector plan --json` prints."""
        return {
            "orchestration": self.orchestration,
            "destination": self.destination,
            "target": self.target,
            "limit": self.limit,
            "test_event_code": self.test_event_code,
            "rows": {
                "read": self.read,
                "to_send": self.to_send,
                "rejected": sum(self.rejects.values()),
                "skipped": sum(self.skips.values()),
            },
            "events": self.events,
            "requests": self.requests,
            "rejects": self.rejects,
            "skips": self.skips,
            "warnings": self.warnings,
            **({"identical_value": self.identical_value} if self.identical_value else {}),
            "minutes": self.minutes,
            "too_many_rejects": self.too_many_rejects,
            "would_fail": self.would_fail,
            "notes": self.notes,
            "changes": self.changes,
            **({"members": self.members} if self.members is not None else {}),
            **({"engine": self.engine.as_json()} if self.engine else {}),
        }


def plan_orchestration(
    project: Project, name: str, *, limit: int | None = None, test_event_code: str | None = None, full: bool = False
) -> Plan:
    """Stage the result in a temporary folder and count its rows, events and requests."""
    job, changes = job_and_changes(project, name, full=full)
    given = {"limit": limit, "test_event_code": test_event_code}
    update = {setting: value for setting, value in given.items() if value is not None}
    job = replace(job, orchestration=job.orchestration.model_copy(update=update))
    make_private_folder(project.state_directory)
    with (
        ledger_of(project) as ledger,
        tempfile.TemporaryDirectory(prefix="plan-", dir=project.state_directory) as folder,
        open_result(
            job,
            project.directory,
            limit=job.orchestration.limit,
            test_event_code=job.orchestration.test_event_code,
            sent_files=sent_files(ledger, job, project.target, job.orchestration.test_event_code),
        ) as result,
        _opted_out(project, job) as opted_out,
    ):
        targets = job.destination.forecast(project, ledger)
        context = StageContext(
            ledger,
            Path(folder) / "stage",
            result.compiler,
            test_event_code=job.orchestration.test_event_code,
            limit=job.orchestration.limit,
            opted_out=opted_out,
        )
        staged = job.destination.stage(result.rows, targets, context)
        notes = _notes(project, ledger, job, targets, result, staged)
        staged.has_input = has_input(result, staged) and not job.is_incremental
    return _plan(project, job, staged, notes, changes, _engine_plan(project, job, len(staged.batches)))


def _opted_out(project: Project, job: Job) -> AbstractContextManager[Path | None]:
    if job.opt_out is None:
        return nullcontext()
    from connector.runs.opted_out import opted_out

    return opted_out(project, job, Event())


def _engine_plan(project: Project, job: Job, requests: int) -> "EnginePlan | None":
    engine = job.orchestration.engine
    if engine is None or job.orchestration.limit is not None:
        return None
    from connector.runs.engine_plan import plan_engine

    return plan_engine(job, engine, project.directory, requests)


def _notes(project: Project, ledger: Ledger, job: Job, targets: Any, result: OpenResult, staged: Staged) -> list[str]:
    limit = job.orchestration.limit
    notes = setting_notes(project, job, result.schema)
    if result.reading is not None:
        notes += file_notes(ledger, job, project.target, result.reading)
    notes += region_questions(staged.phones, job.settings)
    notes += job.destination.plan_notes(project, ledger, targets, staged, limit)
    if note := min_rows_note(job.orchestration, limit):
        notes.append(note)
    if job.orchestration.engine is not None and limit is not None:
        notes.append(f"A run with a limit does not use the engine {job.orchestration.engine.name}: it is soon done.")
    if job.cursor is not None:
        notes.append(job.cursor.note)
    return [*notes, *staged.notes]


def _plan(
    project: Project,
    job: Job,
    staged: Staged,
    notes: list[str],
    changes: list[str],
    engine: "EnginePlan | None",
) -> Plan:
    failure = failure_of(job.orchestration, staged, has_input=staged.has_input)
    requests, members = len(staged.batches), staged.changes()
    return Plan(
        orchestration=job.orchestration.name,
        destination=job.settings.name,
        target=project.target,
        limit=job.orchestration.limit,
        test_event_code=job.orchestration.test_event_code,
        read=staged.read,
        to_send=planned_rows(staged).to_send,
        events=staged.events,
        requests=requests,
        rejects=dict(staged.rejects),
        skips=dict(staged.skips),
        warnings=dict(staged.warnings),
        identical_value=plain_texts(staged.identical_value),
        minutes=round(requests / job.settings.requests_per_second / 60, 4),
        too_many_rejects=failure.message if isinstance(failure, TooManyRejects) else None,
        would_fail=failure.message if failure else None,
        notes=notes,
        changes=changes,
        members=dict(members) if members is not None else None,
        engine=engine,
        file=plan_file(project, job, staged),
    )
