"""Goes on with a run that ended before all of its events were sent, without the warehouse."""

import threading
from datetime import UTC, datetime, timedelta

from connector.config.destination import EventsDestination
from connector.config.project import Project
from connector.errors import ConfigurationError, StopResumable, UsageError
from connector.ledger.ledger import Ledger
from connector.ledger.records import OpenBatch, RunRecord
from connector.outcomes import RunStatus
from connector.pipeline.delivering import Delivery, concluded, record_of, send
from connector.pipeline.history import latest_runs, ledger_of, run_named
from connector.pipeline.observer import Observer
from connector.pipeline.run import run_directory

REPEATABLE = timedelta(hours=48)
"""For how long TikTok knows a repeated event by its id (agreed by several sources)."""

_LOOKED_AT = 1_000


def resumable_run(project: Project, run_id: str | None) -> RunRecord:
    """The run with this id, else the last one that can be resumed. Raises UsageError where it cannot be."""
    if run_id is None:
        found = [run for run in latest_runs(project, _LOOKED_AT, None) if _can_go_on(run) and not _may_be_alive(run)]
        if not found:
            raise UsageError("There is no run to resume: none has staged rows that are still to be sent.")
        return found[0]
    record = run_named(project, run_id)
    if not _can_go_on(record):
        raise UsageError(f"Run {run_id} ({record.status}) has nothing staged that is still to be sent.")
    return record


def resume_run(project: Project, record: RunRecord, observer: Observer, stop: threading.Event) -> RunRecord:
    """Sends what is open of a run; `project` is under the run's target. The record is as after `connector run`.

    Raises ConfigurationError where the destination has changed since, StopResumable and Interrupted as a run does.
    """
    destination = _destination(project, record)
    with ledger_of(project) as ledger:
        ledger.resume_run(record.run_id)
        observer.started(record.run_id, record.orchestration, record.target)
        with concluded(ledger, record.run_id):
            _send_open(project, ledger, record, destination, observer, stop)
        return record_of(ledger, record.run_id)


def _send_open(
    project: Project,
    ledger: Ledger,
    record: RunRecord,
    destination: EventsDestination,
    observer: Observer,
    stop: threading.Event,
) -> None:
    known = ledger.open_batches(record.run_id)
    safe = [batch for batch in known if not (batch.uncertain and _too_late(record))]
    observer.staged(sum(events for batch in safe for _, events in batch.gaps()), len(safe))
    directory = run_directory(project, record.run_id)
    code = record.test_event_code
    send(Delivery(record.run_id, ledger, directory, destination, code, observer, stop), safe)
    _refuse_uncertain([batch for batch in known if batch not in safe])


def _refuse_uncertain(late: list[OpenBatch]) -> None:
    if late:
        events = sum(count for batch in late for _, count in batch.gaps())
        raise StopResumable(
            f"{events:,} events may have been taken more than 48 hours ago, their answers being lost: "
            "sent again, TikTok would count them twice. They stay pending."
        )


def _destination(project: Project, record: RunRecord) -> EventsDestination:
    destination = project.orchestration(record.orchestration).destination
    if isinstance(destination, EventsDestination) and destination.api_url == record.api_url:
        return destination
    raise ConfigurationError(
        f'Run {record.run_id} was staged for {record.api_url}, but "{record.orchestration}" goes to '
        f"{destination.api_url} now: what was meant for one place is not sent to another."
    )


def _can_go_on(run: RunRecord) -> bool:
    ended = run.status in {RunStatus.FAILED, RunStatus.INTERRUPTED, RunStatus.RUNNING}
    return ended and run.staged and run.resumable and run.rows.pending > 0


def _may_be_alive(run: RunRecord) -> bool:
    return run.status is RunStatus.RUNNING


def _too_late(record: RunRecord) -> bool:
    return datetime.now(UTC) - datetime.fromisoformat(record.started_at) > REPEATABLE
