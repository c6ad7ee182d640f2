"""Notices, latest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from connector.ledger.notices import Recipient
from connector.ledger.tables import notices


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that users were notified of, or would have been if a notification asked for it."""

    id: int
    """Its number: `before` of the next page."""
    at: str
    """UTC in ISO 8601."""
    kind: str
    """The word of `notify`, such as `failed`, or of the journal of `connector start`, such as `refused`."""
    orchestration: str | None
    """The orchestration that it is about."""
    run_id: str | None
    """The run that it is about."""
    text: str
    """The event, in a sentence."""
    told: tuple[Recipient, ...]
    """Who was told."""
    read_at: str | None
    """When somebody marked it as read."""


def list_notices(
    connection: Connection, target: str, *, before: int | None = None, kinds: Sequence[str] = (), limit: int = 50
) -> list[Notice]:
    """Return a page of the notices under a target. One statement."""
    query = select(notices).where(notices.c.target == target)
    if before is not None:
        query = query.where(notices.c.id < before)
    if kinds:
        query = query.where(notices.c.kind.in_(kinds))
    return [_notice(row) for row in connection.execute(query.order_by(notices.c.id.desc()).limit(limit))]


def _notice(row: Any) -> Notice:
    told = tuple(Recipient(entry["notification"], entry.get("error")) for entry in row.told)
    return Notice(row.id, row.at, row.kind, row.orchestration, row.run_id, row.text, told, row.read_at)
