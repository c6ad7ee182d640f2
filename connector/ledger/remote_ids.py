"""The ids of remote objects that were found or created by name."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, insert, select

from connector.ledger.database import Database, as_text
from connector.ledger.run_records import RemoteId, RemoteKey
from connector.ledger.tables import named_ids

_KEY = ("kind", "target", "api_url", "advertiser_id", "name")


class RemoteIds:
    """The table of remote ids. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, key: RemoteKey) -> RemoteId | None:
        """Return the id of a name, if it is stored."""
        with self._database.reading() as connection:
            row = connection.execute(select(named_ids).where(_matches(key))).one_or_none()
        return _remote_id(row) if row else None

    def store(self, key: RemoteKey, id_: str, *, auto_tracking: bool | None = None) -> None:
        """Store the id of a name. `auto_tracking` is the last known state of that setting of an event set."""
        values = {name: getattr(key, name) for name in _KEY}
        data = {"id": id_, "auto_tracking": auto_tracking, "known_at": as_text(datetime.now(UTC))}
        with self._database.writing() as connection:
            connection.execute(delete(named_ids).where(_matches(key)))
            connection.execute(insert(named_ids).values(**values, **data))

    def delete(self, key: RemoteKey) -> None:
        """Delete the id of a name, for example because its event set was deleted."""
        with self._database.writing() as connection:
            connection.execute(delete(named_ids).where(_matches(key)))


def _matches(key: RemoteKey) -> ColumnElement[bool]:
    return and_(*(named_ids.c[name] == getattr(key, name) for name in _KEY))


def _remote_id(row: Row[Any]) -> RemoteId:
    return RemoteId(row.id, row.auto_tracking, datetime.fromisoformat(row.known_at))
