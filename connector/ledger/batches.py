"""What was sent of a run, and what became of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Insert,
    Integer,
    Row,
    String,
    Update,
    bindparam,
    case,
    exists,
    insert,
    select,
    update,
)

from connector.core.route import Action, Operation, Route
from connector.ledger.database import Database
from connector.ledger.lease import check_holder
from connector.ledger.members import keep_changes
from connector.ledger.records import BatchKeys, BatchRecord, BatchSlice, MemberChange, OpenBatch, RequestRecord, Scope
from connector.ledger.runs import add_to_counts, as_text
from connector.ledger.tables import batch_keys, batches, parts, requests, runs

BLOCKED = "withheld"
"""The verdict on a request that did not leave."""
_THE_RUN, _THE_NUMBER = bindparam("the_run", type_=String), bindparam("the_number", type_=Integer)
"""Statements that are made for every batch are built once, with places for their values: building takes as long as the
database does."""

_KINDS = {"refused": "rejects", "skipped": "skips"}


class Batches:
    """Safe to call from several threads; what a method writes is on disk, all of it, once it comes back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sending(
        self,
        run_id: str,
        number: int,
        *,
        holder: str,
        keys: BatchKeys | None = None,
        changes: Sequence[MemberChange] = (),
    ) -> None:
        """A request with events of a batch is about to leave. `keys` are those of the whole batch, None: not kept;
        `changes` what the batch does to an audience.

        Raises LockedError where another process has taken the run over: nothing may leave from here any more.
        """
        now = as_text(datetime.now(UTC))

        def write(connection: Connection) -> None:
            check_holder(connection, run_id, holder)
            if keys is not None:
                row = {"event_keys": keys.keys, "persons": keys.persons, "keep_until": as_text(keys.keep_until)}
                connection.execute(_keep(), {"the_run": run_id, "the_number": number, **row})
            keep_changes(connection, run_id, number, changes)
            connection.execute(_leaving(), {"the_run": run_id, "the_number": number, "now": now})

        self._database.together(write)

    def not_settled(self, run_id: str, number: int, state: str) -> None:
        """What was sent of a batch is `pending` again, or its answer is lost (`unknown`), which stays so."""
        with self._database.writing() as connection:
            the_batch = update(batches).where(batches.c.run_id == run_id, batches.c.number == number)
            connection.execute(the_batch.where(batches.c.state != "unknown").values(state=state))

    def settled(self, run_id: str, part: BatchSlice, request: RequestRecord | None = None) -> None:
        """The fate of a part of a batch is known, by the answer to `request` (None: that is written already).

        The batch's state becomes the part's once the fate of its last event is known; `delivered` outranks.
        """
        now = as_text(datetime.now(UTC))

        def write(connection: Connection) -> None:
            if request:
                _add_request(connection, run_id, request, now)
            if not (part.whole and part.state == "delivered"):
                connection.execute(insert(parts), _part_values(run_id, part))
            if part.reason and part.rows:
                add_to_counts(connection, run_id, _KINDS[part.state], {part.reason: part.rows})
            _go_on(connection, run_id, part, now)

        self._database.together(write)

    def request(self, run_id: str, record: RequestRecord) -> None:
        """A request was made and answered, or is known to stay without an answer."""
        now = as_text(datetime.now(UTC))
        self._database.together(lambda connection: _add_request(connection, run_id, record, now))

    def ever_delivered(self, destination: str, scope: Scope, route: Route) -> bool:
        """Return whether the resource of a route ever took anything that was meant for a destination."""
        query = (
            select(batches.c.number)
            .join(runs, runs.c.run_id == batches.c.run_id)
            .where(runs.c.destination == destination, runs.c.target == scope.target, runs.c.api_url == scope.api_url)
            .where(batches.c.resource_type == route.resource_type, batches.c.resource_id == route.resource_id)
            .where(batches.c.delivered_events > 0)
            .limit(1)
        )
        with self._database.reading() as connection:
            return connection.execute(query).first() is not None

    def open(self, run_id: str) -> list[OpenBatch]:
        """The batches of a staged run that are not settled in full, in order."""
        done = batches.c.delivered_events + batches.c.refused_events + batches.c.skipped_events
        query = select(batches).where(batches.c.run_id == run_id, done < batches.c.events).order_by(batches.c.number)
        settled: dict[int, list[tuple[int, int]]] = {}
        with self._database.reading() as connection:
            for part in connection.execute(select(parts).where(parts.c.run_id == run_id)):
                settled.setdefault(part.batch, []).append((part.first_event, part.events))
            return [_open_batch(row, settled.get(row.number, [])) for row in connection.execute(query)]

    def all(self, run_id: str) -> list[BatchRecord]:
        """The batches of a run, in order."""
        query = select(batches).where(batches.c.run_id == run_id).order_by(batches.c.number)
        with self._database.reading() as connection:
            return [_batch(row) for row in connection.execute(query)]

    def left_out(self, run_id: str) -> list[tuple[BatchRecord, list[BatchSlice]]]:
        """The parts that were refused or skipped, by batch, both in order."""
        query = (
            select(batches, parts.c.first_event, parts.c.events.label("part_events"), parts.c.state.label("fate"))
            .add_columns(parts.c.reason, parts.c.code, parts.c.message)
            .join(parts, (parts.c.run_id == batches.c.run_id) & (parts.c.batch == batches.c.number))
            .where(batches.c.run_id == run_id, parts.c.reason.is_not(None))
            .order_by(batches.c.number, parts.c.first_event)
        )
        found: dict[BatchRecord, list[BatchSlice]] = {}
        with self._database.reading() as connection:
            for row in connection.execute(query):
                part = BatchSlice(
                    row.number, row.first_event, row.part_events, 0, row.fate, row.reason, row.code, row.message
                )
                found.setdefault(_batch(row), []).append(part)
        return list(found.items())

    def resource_types(self, run_id: str) -> frozenset[str]:
        """Return the kinds of resource that a run sends to."""
        query = select(batches.c.resource_type).where(batches.c.run_id == run_id).distinct()
        with self._database.reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def requests(self, run_id: str) -> list[RequestRecord]:
        """Every request of a run, in the order of the answers."""
        names = RequestRecord.__slots__
        query = select(*(requests.c[name] for name in names)).where(requests.c.run_id == run_id).order_by(requests.c.id)
        with self._database.reading() as connection:
            return [RequestRecord(*row) for row in connection.execute(query)]


@cache
def _keep() -> Insert:
    """Keeps the keys of a batch, unless they are kept already."""
    known = exists().where(batch_keys.c.run_id == _THE_RUN, batch_keys.c.number == _THE_NUMBER)
    names = ("event_keys", "persons", "keep_until")
    columns = [batch_keys.c.run_id, batch_keys.c.number, *(batch_keys.c[name] for name in names)]
    values: list[Any] = [_THE_RUN, _THE_NUMBER, *(bindparam(name, type_=batch_keys.c[name].type) for name in names)]
    return insert(batch_keys).from_select(columns, select(*values).where(~known))


@cache
def _leaving() -> Update:
    now = bindparam("now", type_=batches.c.sent_at.type)
    first = case((batches.c.sent_at.is_(None), now), else_=batches.c.sent_at)
    state = case((batches.c.state == "unknown", "unknown"), else_="sending")
    return _the_batch().values(state=state, sent_at=first)


def _go_on(connection: Connection, run_id: str, part: BatchSlice, now: str) -> None:
    """Adds a part whose fate is known to its batch."""
    kept = {"figures_of_it": part.figures} if part.whole and part.figures else {}
    counts = {"more_events": part.events, "more_rows": part.rows, "more_members": part.members, "now": now}
    statement = _progress(part.state, with_figures=bool(kept))
    connection.execute(statement, {"the_run": run_id, "the_number": part.number, **counts, **kept})


@cache
def _progress(fate: str, *, with_figures: bool) -> Update:
    more_events, more_members = (bindparam(name, type_=Integer) for name in ("more_events", "more_members"))
    of_events, of_rows = batches.c[f"{fate}_events"], batches.c[f"{fate}_rows"]
    settled = batches.c.delivered_events + batches.c.refused_events + batches.c.skipped_events + more_events
    final = case((batches.c.delivered_events > 0, "delivered"), else_=fate)
    kept = {batches.c.figures: bindparam("figures_of_it", type_=batches.c.figures.type)} if with_figures else {}
    members = {batches.c.delivered_members: batches.c.delivered_members + more_members} if fate == "delivered" else {}
    values: dict[Any, Any] = {
        batches.c.state: case((settled >= batches.c.events, final), else_=batches.c.state),
        of_events: of_events + more_events,
        of_rows: of_rows + bindparam("more_rows", type_=Integer),
        batches.c.settled_at: bindparam("now", type_=batches.c.settled_at.type),
    }
    return _the_batch().values({**kept, **values, **members})


def _part_values(run_id: str, part: BatchSlice) -> dict[str, object]:
    return {
        "run_id": run_id,
        "batch": part.number,
        "first_event": part.first_event,
        "events": part.events,
        "state": part.state,
        "reason": part.reason,
        "code": part.code,
        "message": part.message,
        "figures": None if part.whole else part.figures,
    }


def _add_request(connection: Connection, run_id: str, record: RequestRecord, now: str) -> None:
    values = {name: getattr(record, name) for name in RequestRecord.__slots__}
    connection.execute(insert(requests), {"run_id": run_id, "answered_at": now, **values})
    counts = {"left": int(record.verdict != BLOCKED), "repeated": int(record.attempt > 1)}
    connection.execute(_count_request(), {"the_run": run_id, **counts})


@cache
def _count_request() -> Update:
    left, repeated = (bindparam(name, type_=Integer) for name in ("left", "repeated"))
    values = {"requests_sent": runs.c.requests_sent + left, "requests_retried": runs.c.requests_retried + repeated}
    return update(runs).where(runs.c.run_id == _THE_RUN).values(**values)


def _batch(row: Row[Any]) -> BatchRecord:
    operation = Operation(Action(row.action), tuple(row.id_types or ()))
    route = Route(row.resource_type, row.resource_id, operation)
    return BatchRecord(row.number, route, row.file, row.place, row.events, row.rows, row.members)


def _open_batch(row: Row[Any], settled: list[tuple[int, int]]) -> OpenBatch:
    sent_at = datetime.fromisoformat(row.sent_at) if row.sent_at else None
    return OpenBatch(_batch(row), tuple(settled), uncertain=row.state in {"sending", "unknown"}, sent_at=sent_at)


@cache
def _the_batch() -> Update:
    return update(batches).where(batches.c.run_id == _THE_RUN, batches.c.number == _THE_NUMBER)
