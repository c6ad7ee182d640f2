"""The ids of what was found or created at TikTok by its name."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from connector.ledger.database import Database
from connector.ledger.records import RemoteId, RemoteKey
from connector.ledger.runs import as_text
from connector.ledger.tables import named_ids

_PLACE = ("kind", "target", "api_url", "advertiser_id", "name")


class RemoteIds:
    """Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, place: RemoteKey) -> RemoteId | None:
        """What is known of this name, if anything is."""
        query = select(named_ids).where(*(named_ids.c[name] == getattr(place, name) for name in _PLACE))
        with self._database.reading() as connection:
            found = connection.execute(query).one_or_none()
        return _named(found) if found else None

    def keep(self, place: RemoteKey, id_: str, *, auto_tracking: bool | None = None) -> None:
        """From now on the name has this id. `auto_tracking` is how an event set was last seen or switched."""
        values = {name: getattr(place, name) for name in _PLACE}
        now = {"id": id_, "auto_tracking": auto_tracking, "known_at": as_text(datetime.now(UTC))}
        with self._database.writing() as connection:
            self._forget(connection, place)
            connection.execute(insert(named_ids).values(**values, **now))

    def forget(self, place: RemoteKey) -> None:
        """The name has no id any more, such as that of an event set that was deleted."""
        with self._database.writing() as connection:
            self._forget(connection, place)

    @staticmethod
    def _forget(connection: Connection, place: RemoteKey) -> None:
        connection.execute(delete(named_ids).where(*(named_ids.c[name] == getattr(place, name) for name in _PLACE)))


def _named(row: Row[Any]) -> RemoteId:
    return RemoteId(row.id, row.auto_tracking, datetime.fromisoformat(row.known_at))
