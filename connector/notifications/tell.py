"""Who is told of a run."""

from collections.abc import Iterator, Sequence

from connector.config.notification import Notification, Notify
from connector.config.project import Project
from connector.errors import ConfigurationError, ConnectorError
from connector.ledger.ledger import Ledger
from connector.ledger.records import RunRecord
from connector.notifications.message import Message, Note, message_of, message_without_run
from connector.outcomes import RunStatus
from connector.pipeline.history import ledger_of
from connector.pipeline.shown import no_rows


def tell_of_runs(project: Project, run_ids: Sequence[str], note: Note) -> None:
    """Tells of runs that a process has worked on, as they stand in the ledger now, whoever is to be told.

    Raises nothing: what could not be told is noted.
    """
    if not run_ids:
        return
    try:
        with ledger_of(project) as ledger:
            told = [pair for run_id in run_ids for pair in _of_run(project, ledger, run_id, note)]
        _send(told, note)
    except ConnectorError as error:
        note(f"Nobody was notified: {error.message}")


def tell_of_none(project: Project, orchestration: str, notify: Notify, why: str, note: Note) -> None:
    """Tells that an orchestration was due and that no run of it is known to have ended. Raises nothing.

    Of the project only the notifications are looked at, since the files may be what is wrong.
    """
    try:
        with ledger_of(project) as ledger:
            ledger.failing.failed(orchestration, project.target, None)
        message = message_without_run(orchestration, project.target, why)
        _send(list(_addressed(project, notify, message, note)), note)
    except ConnectorError as error:
        note(f"Nobody was notified: {error.message}")


def _send(told: Sequence[tuple[Notification, Message]], note: Note) -> None:
    """Most runs are told to nobody, and need not load what sends."""
    if told:
        from connector.notifications.sending import send

        send(told, note)


def _of_run(project: Project, ledger: Ledger, run_id: str, note: Note) -> Iterator[tuple[Notification, Message]]:
    record = ledger.runs.find(run_id)
    if record is None:
        return
    message = message_of(record, was_failing=_was_failing(ledger, record), no_rows=no_rows(project, ledger, record))
    if message is not None:
        project = project.under(record.target)
        yield from _addressed(project, project.orchestration(record.orchestration).notify, message, note)


def _was_failing(ledger: Ledger, record: RunRecord) -> bool:
    """Whether the run is the first to complete after a failure; one that only tries some rows again counts as none."""
    if record.retry_of is not None:
        return False
    if record.status is RunStatus.FAILED:
        ledger.failing.failed(record.orchestration, record.target, record.run_id)
    elif record.status in {RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS}:
        return ledger.failing.completed(record.orchestration, record.target)
    return False


def _addressed(
    project: Project, notify: Notify, message: Message, note: Note
) -> Iterator[tuple[Notification, Message]]:
    for name, endings in notify.items():
        if set(endings) & set(message.endings):
            try:
                yield project.notification(name), message
            except ConfigurationError as error:
                note(f'The notification "{name}" was not sent: {error.message}')
