"""One run, from what earlier ones left to what became of every row."""

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connector.config.project import Project
from connector.destinations.confirmation import Consent
from connector.destinations.tiktok.audience.job import is_audience
from connector.destinations.tiktok.events.event_set import settle_event_set
from connector.errors import UsageError
from connector.ledger.records import RunRecord
from connector.observer import Observer, Silent
from connector.queries.query_template import RunVariables
from connector.runs.access import Allowed, check_access
from connector.runs.context import execution
from connector.runs.engine import begin, carry_out
from connector.runs.extract import Run
from connector.runs.job import job_now, prepare
from connector.runs.resume import finish_interrupted
from connector.runs.retention import clear_up


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line asks for beyond the file; None: as the file says.

    With `resend_unknown` events are sent again even where an answer was lost more than 48 hours ago. `consent` says who
    agrees to changes at TikTok, `allow_empty` whether an empty result may empty an audience.
    """

    limit: int | None = None
    test_event_code: str | None = None
    resend_unknown: bool = False
    allow_empty: bool = False
    consent: Consent = field(default_factory=Consent)


def run_orchestration(
    project: Project,
    name: str,
    options: RunOptions | None = None,
    *,
    observer: Observer | None = None,
    stop: threading.Event | None = None,
    command: str = "run",
) -> RunRecord:
    """Finishes interrupted runs of an orchestration, then runs it; the record says what became of every row.

    Setting `stop` ends it as soon as the requests in flight are answered. `command` is what the audit calls it.
    Raises ConfigurationError or AccessRefused before anything is opened, UsageError where a change at TikTok is not
    agreed to, LockedError where it is being run,
    NothingSent because of the rows, StopResumable, Interrupted or SourceError; what happened until then is in the
    ledger.
    """
    options, observer, stop = options or RunOptions(), observer or Silent(), stop or threading.Event()
    refuse_blank_code(options.test_event_code)
    allowed = check_access(project, command, name)
    if is_audience(project, name):
        return _run_audience(project, name, options, allowed, observer, stop)
    now = prepare(project, name, RunVariables(started_at=datetime.now(UTC)))
    with execution(project, name, observer, stop) as at:
        line = allowed.written(at.ledger)
        settle_event_set(at, now.destination, options.consent)
        resend = options.resend_unknown
        finish_interrupted(at, now, resend_unknown=resend)
        job = job_now(at.project, name, at.ledger)
        code = job.orchestration.test_event_code if options.test_event_code is None else options.test_event_code
        limit = options.limit or job.orchestration.limit
        run_id = begin(at, job, test_event_code=code, limit=limit)
        at.ledger.audit.began(line, run_id)
        record = carry_out(at, run_id, lambda: Run(run_id, job, code, limit, resend))
        clear_up(project, at.ledger)
    return record


def _run_audience(
    project: Project, name: str, options: RunOptions, allowed: Allowed, observer: Observer, stop: threading.Event
) -> RunRecord:
    from connector.destinations.tiktok.audience.run import AudienceOptions, run_audience

    if options.test_event_code is not None:
        raise UsageError("A test event code is for events; an audience has no test mode.")
    wanted = AudienceOptions(options.limit, options.allow_empty, options.consent)
    return run_audience(project, name, wanted, allowed, observer, stop)


def refuse_blank_code(code: str | None) -> None:
    """An empty code, such as that of a variable that is not set, would send the events as real ones."""
    if code is not None and (not code or not code.isascii() or not code.isalnum()):
        raise UsageError(f'The test event code "{code}" is not one: it is letters and digits, such as TEST12345.')
