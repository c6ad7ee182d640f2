"""The keys of events that were delivered before, or may have been."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, false, select

from connector.ledger.database import Database
from connector.ledger.records import KnownKeys, Scope
from connector.ledger.runs import as_text
from connector.ledger.tables import batch_keys, batches, parts, runs

KEY_BYTES = 16
_BATCHES_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Since:
    """How far back it matters: what was delivered after `delivered`; and what may have been delivered, its answer
    being lost, where it was sent before `lost` (None: that does not matter).
    """

    delivered: datetime
    lost: datetime | None


class DeliveredKeys:
    """What is known of events by their keys alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, scope: Scope, since: Since, *, but: str | None = None) -> Iterator[KnownKeys]:
        """The keys of all events of a scope that count as delivered, or whose answers are lost, some at a time.

        Events of the run `but` are left out. Memory does not grow with their number.
        """
        after = ("", -1)
        while rows := self._rows(scope, since, after, but):
            after = rows[-1].run_id, rows[-1].number
            yield from self._whole(rows)
            yield from self._cut(rows)

    def prune(self) -> None:
        """Forgets the keys that no run needs any more."""
        with self._database.writing() as connection:
            connection.execute(delete(batch_keys).where(batch_keys.c.keep_until < as_text(datetime.now(UTC))))

    def _rows(self, scope: Scope, since: Since, after: tuple[str, int], but: str | None) -> list[Row[Any]]:
        query = _in_scope(scope, since).where(
            (batch_keys.c.run_id > after[0]) | ((batch_keys.c.run_id == after[0]) & (batch_keys.c.number > after[1]))
        )
        if but is not None:
            query = query.where(batch_keys.c.run_id != but)
        query = query.order_by(batch_keys.c.run_id, batch_keys.c.number).limit(_BATCHES_AT_ONCE)
        with self._database.reading() as connection:
            return list(connection.execute(query))

    @staticmethod
    def _whole(rows: list[Row[Any]]) -> Iterator[KnownKeys]:
        delivered = [row.event_keys for row in rows if row.delivered_events == row.events]
        if delivered:
            yield KnownKeys(b"".join(delivered), lost=False)

    def _cut(self, rows: list[Row[Any]]) -> Iterator[KnownKeys]:
        """Of batches that did not fare alike: what was delivered of them, and what is open and may have been."""
        cut = {(row.run_id, row.number): row for row in rows if row.delivered_events != row.events}
        if not cut:
            return
        stretches = self._stretches({run_id for run_id, _ in cut})
        for place, row in cut.items():
            known = stretches.get(place, [])
            delivered = [
                _slice(row.event_keys, first, events) for first, events, state in known if state == "delivered"
            ]
            yield KnownKeys(b"".join(delivered), lost=False)
            if row.lost:
                yield KnownKeys(_without(row.event_keys, known), lost=True)

    def _stretches(self, run_ids: set[str]) -> dict[tuple[str, int], list[tuple[int, int, str]]]:
        found: dict[tuple[str, int], list[tuple[int, int, str]]] = {}
        with self._database.reading() as connection:
            for part in connection.execute(select(parts).where(parts.c.run_id.in_(run_ids))):
                found.setdefault((part.run_id, part.batch), []).append((part.first_event, part.events, part.state))
        return found


def _in_scope(scope: Scope, since: Since) -> Select[Any]:
    """Batches in earnest with something delivered lately, or something lost long enough ago."""
    delivered = (batches.c.delivered_events > 0) & (batches.c.settled_at >= as_text(since.delivered))
    lost: ColumnElement[bool] = false()
    if since.lost is not None:
        lost = batches.c.state.in_(["sending", "unknown"]) & (batches.c.sent_at < as_text(since.lost))
    the_batch = (batches.c.run_id == batch_keys.c.run_id) & (batches.c.number == batch_keys.c.number)
    query: Select[Any] = (
        select(batch_keys.c.run_id, batch_keys.c.number, batch_keys.c.event_keys)
        .add_columns(batches.c.events, batches.c.delivered_events, lost.label("lost"))
        .join(batches, the_batch)
        .join(runs, runs.c.run_id == batch_keys.c.run_id)
        .where(runs.c.target == scope.target, runs.c.api_url == scope.api_url, delivered | lost)
    )
    return query


def _slice(keys: bytes, first: int, events: int) -> bytes:
    return keys[first * KEY_BYTES : (first + events) * KEY_BYTES]


def _without(keys: bytes, settled: list[tuple[int, int, str]]) -> bytes:
    """The keys outside of all stretches."""
    left, place = [], 0
    for first, events, _ in sorted(settled):
        left.append(keys[place * KEY_BYTES : first * KEY_BYTES])
        place = first + events
    return b"".join([*left, keys[place * KEY_BYTES :]])
