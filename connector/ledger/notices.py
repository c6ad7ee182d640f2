"""Notices: what users were notified of, or would have been."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlalchemy import insert, update

from connector.core.secret_registry import without_secrets
from connector.ledger.database import Database, as_text
from connector.ledger.tables import notices


@dataclass(frozen=True, slots=True)
class Recipient:
    """A notification that was sent, or failed to be."""

    notification: str
    """The name of the notification in `orchestrations.yaml`."""
    error: str | None = None
    """Why it was not sent; None if it was."""


@dataclass(frozen=True, slots=True)
class NewNotice:
    """Something that happened."""

    target: str
    """The name of the target."""
    kind: str
    """The word of `notify`, such as `failed`, or of the journal of `connector start`, such as `refused`."""
    text: str
    """The event, in a sentence."""
    orchestration: str | None = None
    """The orchestration that it is about."""
    run_id: str | None = None
    """The run that it is about."""
    told: Sequence[Recipient] = ()
    """Who was notified."""


class Notices:
    """The table of notices. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, notice: NewNotice) -> None:
        """Add a notice that nobody has read."""
        values = {**asdict(notice), "told": [asdict(one) for one in notice.told], "text": without_secrets(notice.text)}
        with self._database.writing() as connection:
            connection.execute(insert(notices).values(at=as_text(datetime.now(UTC)), **values))

    def mark_read(self, target: str, until: int) -> None:
        """Mark the notices of a target up to a number as read."""
        unread = update(notices).where(notices.c.target == target, notices.c.id <= until, notices.c.read_at.is_(None))
        with self._database.writing() as connection:
            connection.execute(unread.values(read_at=as_text(datetime.now(UTC))))
