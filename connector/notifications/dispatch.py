"""Dispatch of notifications about runs to their subscribers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class _Dispatch:
    """A message on its way to its subscribers, and the notice of it in the ledger."""

    message: Message
    orchestration: str
    target: str
    run_id: str | None
    subscribers: list[Notification] = field(default_factory=list)
    problems: dict[str, str | None] = field(default_factory=dict)
    """Why each notification was not sent, by name; None if it was."""

    @property
    def is_notable(self) -> bool:
        """True if a notice is worth having: of a usual run, only if somebody was to be told."""
        return self.message.endings[0] != "completed" or bool(self.problems)


def notify_of_runs(project: Project, run_ids: Sequence[str], note: Note) -> None:
    """Notify the subscribers of runs that this process worked on, as the ledger has them now, and write the notices.

    Raises nothing: what could not be sent is noted.
    """
    if not run_ids:
        return
    try:
        with ledger_of(project) as ledger:
            dispatches = [one for run_id in run_ids if (one := _of_run(project, ledger, run_id, note))]
            _send(ledger, dispatches, note)
    except ConnectorError as error:
        if project.notifications:
            note(f"Nobody was notified: {error.message}")


def notify_of_missing_run(project: Project, orchestration: str, notify: Notify, reason: str, note: Note) -> None:
    """Notify that an orchestration was due and that no run of it is known to have ended. Raises nothing.

    Reads only the notifications of the project, since its files may be the cause.
    """
    try:
        with ledger_of(project) as ledger:
            ledger.open_failures.failed(orchestration, project.target, None)
            message = missing_run_message(orchestration, project.target, reason)
            dispatch = _Dispatch(message, orchestration, project.target, None)
            _subscribe(project, notify, dispatch, note)
            _send(ledger, [dispatch], note)
    except ConnectorError as error:
        note(f"Nobody was notified: {error.message}")


def _send(ledger: Ledger, dispatches: Sequence[_Dispatch], note: Note) -> None:
    """Send the messages, then write the notices; load the sender only if there are some, since most runs have none."""
    pairs = [(dispatch, notification) for dispatch in dispatches for notification in dispatch.subscribers]
    if pairs:
        from connector.notifications.notifier import send

        problems = send([(notification, dispatch.message) for dispatch, notification in pairs], note)
        for (dispatch, notification), problem in zip(pairs, problems, strict=True):
            dispatch.problems[notification.name] = problem
    for dispatch in dispatches:
        if dispatch.is_notable:
            _write_notice(ledger, dispatch)


def _write_notice(ledger: Ledger, dispatch: _Dispatch) -> None:
    from connector.ledger.notices import NewNotice, Recipient

    message = dispatch.message
    told = [Recipient(name, problem) for name, problem in dispatch.problems.items()]
    about = (dispatch.orchestration, dispatch.run_id)
    ledger.notices.add(NewNotice(dispatch.target, message.endings[0], message.summary, *about, told))


def _of_run(project: Project, ledger: Ledger, run_id: str, note: Note) -> _Dispatch | None:
    record = ledger.runs.find(run_id)
    if record is None:
        return None
    message = run_message(record, recovers=_recovers(ledger, record), no_rows=no_rows(project, ledger, record))
    if message is None:
        return None
    project = project.under(record.target)
    orchestration = project.orchestration(record.orchestration)
    if "completed" in message.endings and (sentences := _degradations(ledger, record, orchestration)):
        message = message.degraded(sentences)
    dispatch = _Dispatch(message, record.orchestration, record.target, run_id)
    _subscribe(project, orchestration.notify, dispatch, note)
    return dispatch


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


def _subscribe(project: Project, notify: Notify, dispatch: _Dispatch, note: Note) -> None:
    for name, endings in notify.items():
        if set(endings) & set(dispatch.message.endings):
            try:
                dispatch.subscribers.append(project.notification(name))
            except ConfigurationError as error:
                dispatch.problems[name] = error.message
                note(f'The notification "{name}" was not sent: {error.message}')
