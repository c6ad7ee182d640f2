"""Dispatch of notifications about runs to their subscribers."""

from collections.abc import Iterator, Sequence

from connector.config.notification import Notification, Notify
from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.core.outcomes import RunStatus
from connector.errors import ConfigurationError, ConnectorError
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import ledger_of
from connector.ledger.run_records import RunRecord
from connector.notifications.message import Message, Note, missing_run_message, run_message
from connector.reporting.run_history import no_rows


def notify_of_runs(project: Project, run_ids: Sequence[str], note: Note) -> None:
    """Notify the subscribers of runs that this process worked on, as the ledger has them now.

    Raises nothing: what could not be sent is noted.
    """
    if not run_ids:
        return
    try:
        with ledger_of(project) as ledger:
            messages = [pair for run_id in run_ids for pair in _run_notifications(project, ledger, run_id, note)]
        _dispatch(messages, note)
    except ConnectorError as error:
        note(f"Nobody was notified: {error.message}")


def notify_of_missing_run(project: Project, orchestration: str, notify: Notify, reason: str, note: Note) -> None:
    """Notify that an orchestration was due and that no run of it is known to have ended. Raises nothing.

    Reads only the notifications of the project, since its files may be the cause.
    """
    try:
        with ledger_of(project) as ledger:
            ledger.open_failures.failed(orchestration, project.target, None)
        message = missing_run_message(orchestration, project.target, reason)
        _dispatch(list(_subscribed(project, notify, message, note)), note)
    except ConnectorError as error:
        note(f"Nobody was notified: {error.message}")


def _dispatch(messages: Sequence[tuple[Notification, Message]], note: Note) -> None:
    """Send the messages; load the sender only if there are some, since most runs have none."""
    if messages:
        from connector.notifications.notifier import send

        send(messages, note)


def _run_notifications(
    project: Project, ledger: Ledger, run_id: str, note: Note
) -> Iterator[tuple[Notification, Message]]:
    record = ledger.runs.find(run_id)
    if record is None:
        return
    message = run_message(record, recovers=_recovers(ledger, record), no_rows=no_rows(project, ledger, record))
    if message is not None:
        project = project.under(record.target)
        orchestration = project.orchestration(record.orchestration)
        if "completed" in message.endings and (sentences := _degradations(ledger, record, orchestration)):
            message = message.degraded(sentences)
        yield from _subscribed(project, orchestration.notify, message, note)


def _degradations(ledger: Ledger, record: RunRecord, orchestration: Orchestration) -> list[str]:
    """Return how a completed run differs from its earlier ones, if somebody wants to know; files may all be old."""
    is_wanted = any("degraded" in endings for endings in orchestration.notify.values())
    if not is_wanted or (record.is_empty and orchestration.file is not None):
        return []
    from connector.reporting.degradation import degradations

    return degradations(ledger, record, orchestration.degraded)


def _recovers(ledger: Ledger, record: RunRecord) -> bool:
    """Test whether the run is the first to complete after a failure, and record it; a retry of rows does not count."""
    if record.retry_of is not None:
        return False
    if record.status is RunStatus.FAILED:
        ledger.open_failures.failed(record.orchestration, record.target, record.run_id)
    elif record.status in {RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS}:
        return ledger.open_failures.completed(record.orchestration, record.target)
    return False


def _subscribed(
    project: Project, notify: Notify, message: Message, note: Note
) -> Iterator[tuple[Notification, Message]]:
    for name, endings in notify.items():
        if set(endings) & set(message.endings):
            try:
                yield project.notification(name), message
            except ConfigurationError as error:
                note(f'The notification "{name}" was not sent: {error.message}')
