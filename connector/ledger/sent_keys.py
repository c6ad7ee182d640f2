"""The keys of events that earlier runs delivered, or may have delivered."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, Row, Select, String, bindparam, delete, exists, false, select

from connector.ledger.batch_records import KeyPeriods, SentKeys
from connector.ledger.database import Database, as_text
from connector.ledger.run_records import Scope
from connector.ledger.tables import batch_keys, batches, parts, runs

KEY_BYTES = 16
_BATCHES_AT_ONCE = 1_000


class DeliveredKeys:
    """The table of the keys of sent events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sent(self, scope: Scope, periods: KeyPeriods, *, excluding: str | None = None) -> Iterator[SentKeys]:
        """Yield the keys of all events of a scope that count as delivered or whose answers were lost, in chunks.

        The run `excluding` does not count. Memory does not grow with the number of keys.
        """
        next_batches = _batches_that_count(periods)
        for run_id in self._run_ids(scope, excluding):
            rows = self._rows(next_batches, run_id, -1)
            while rows:
                yield from self._whole(rows)
                yield from self._cut(run_id, rows)
                rows = self._rows(next_batches, run_id, rows[-1].number) if len(rows) == _BATCHES_AT_ONCE else []

    def runs_with_keys(self) -> list[str]:
        """Return the ids of the runs whose keys are stored, oldest first."""
        query = select(runs.c.run_id).where(exists().where(batch_keys.c.run_id == runs.c.run_id))
        with self._database.reading() as connection:
            return list(connection.execute(query.order_by(runs.c.started_at, runs.c.run_id)).scalars())

    def of_run(self, run_id: str) -> Iterator[tuple[bytes, bytes]]:
        """Yield the columns `event_keys` and `persons` of each batch of a run, in chunks."""
        after = -1
        columns = select(batch_keys.c.number, batch_keys.c.event_keys, batch_keys.c.persons)
        while True:
            query = columns.where(batch_keys.c.run_id == run_id, batch_keys.c.number > after)
            with self._database.reading() as connection:
                rows = connection.execute(query.order_by(batch_keys.c.number).limit(_BATCHES_AT_ONCE)).all()
            if not rows:
                return
            after = rows[-1].number
            yield from ((row.event_keys, row.persons) for row in rows)

    def prune(self) -> None:
        """Delete the keys that no run needs any more."""
        with self._database.writing() as connection:
            connection.execute(delete(batch_keys).where(batch_keys.c.keep_until < as_text(datetime.now(UTC))))

    def _run_ids(self, scope: Scope, excluding: str | None) -> list[str]:
        has_keys = exists().where(batch_keys.c.run_id == runs.c.run_id)
        query = select(runs.c.run_id).where(
            runs.c.target == scope.target,
            runs.c.api_url == scope.api_url,
            runs.c.run_id.is_distinct_from(excluding),
            has_keys,
        )
        with self._database.reading() as connection:
            return list(connection.execute(query).scalars())

    def _rows(self, next_batches: Select[Any], run_id: str, after: int) -> list[Row[Any]]:
        with self._database.reading() as connection:
            return list(connection.execute(next_batches, {"the_run": run_id, "after": after}))

    @staticmethod
    def _whole(rows: list[Row[Any]]) -> Iterator[SentKeys]:
        delivered = [row.event_keys for row in rows if row.delivered_events == row.events]
        if delivered:
            yield SentKeys(b"".join(delivered), answer_lost=False)

    def _cut(self, run_id: str, rows: list[Row[Any]]) -> Iterator[SentKeys]:
        """Yield the delivered and the unknown keys of batches that were not delivered as a whole."""
        cut = [row for row in rows if row.delivered_events != row.events]
        slices = self._slices(run_id) if cut else {}
        for row in cut:
            settled = slices.get(row.number, [])
            delivered = [
                _slice(row.event_keys, first, events) for first, events, state in settled if state == "delivered"
            ]
            yield SentKeys(b"".join(delivered), answer_lost=False)
            if row.lost:
                yield SentKeys(_without(row.event_keys, settled), answer_lost=True)

    def _slices(self, run_id: str) -> dict[int, list[tuple[int, int, str]]]:
        slices: dict[int, list[tuple[int, int, str]]] = {}
        with self._database.reading() as connection:
            for part in connection.execute(select(parts).where(parts.c.run_id == run_id)):
                slices.setdefault(part.batch, []).append((part.first_event, part.events, part.state))
        return slices


def _batches_that_count(periods: KeyPeriods) -> Select[Any]:
    """Return the query for the batches of a run, after a number, with events that count as delivered or lost.

    It is built once because building takes longer than running, and there may be hundreds of runs.
    """
    delivered = (batches.c.delivered_events > 0) & (batches.c.settled_at >= as_text(periods.delivered_since))
    lost: ColumnElement[bool] = false()
    if periods.lost_before is not None:
        lost = batches.c.state.in_(["sending", "unknown"]) & (batches.c.sent_at < as_text(periods.lost_before))
    the_batch = (batches.c.run_id == batch_keys.c.run_id) & (batches.c.number == batch_keys.c.number)
    query: Select[Any] = (
        select(batch_keys.c.number, batch_keys.c.event_keys)
        .add_columns(batches.c.events, batches.c.delivered_events, lost.label("lost"))
        .join(batches, the_batch)
        .where(delivered | lost)
        .where(batch_keys.c.run_id == bindparam("the_run", type_=String))
        .where(batch_keys.c.number > bindparam("after", type_=Integer))
        .order_by(batch_keys.c.number)
        .limit(_BATCHES_AT_ONCE)
    )
    return query


def _slice(keys: bytes, first: int, events: int) -> bytes:
    return keys[first * KEY_BYTES : (first + events) * KEY_BYTES]


def _without(keys: bytes, settled: list[tuple[int, int, str]]) -> bytes:
    """Return the keys outside of all settled slices."""
    pending, next_event = [], 0
    for first, events, _ in sorted(settled):
        pending.append(keys[next_event * KEY_BYTES : first * KEY_BYTES])
        next_event = first + events
    return b"".join([*pending, keys[next_event * KEY_BYTES :]])
