"""The batches of runs: their states, parts and requests."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Integer,
    Row,
    Select,
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
from connector.ledger.batch_records import BatchKeys, BatchRecord, BatchSlice, OpenBatch, RequestRecord
from connector.ledger.database import Database, as_text
from connector.ledger.group_commit import Work
from connector.ledger.locks import check_holder
from connector.ledger.member_records import MemberChange
from connector.ledger.members import add_changes
from connector.ledger.run_records import Scope
from connector.ledger.runs import add_to_counts
from connector.ledger.tables import batch_keys, batches, parts, requests, runs

BLOCKED = "withheld"
"""The verdict on a request that was not sent."""
THE_RUN, THE_NUMBER = bindparam("the_run", type_=String), bindparam("the_number", type_=Integer)
"""Parameters of statements that run for every batch. They are built once: building takes as long as running."""

_KINDS = {"refused": "rejects", "skipped": "skips"}


class Batches:
    """The table of batches. Safe to call from several threads; when a method returns, all that it wrote is on disk.

    A subclass decides how a write is fenced, and where the counts of a run are added up.
    """

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
        """Record that a request with events of a batch is about to be sent.

        `keys` are those of the whole batch (None: not stored), `changes` its changes of an audience. Raises LockedError
        if another process has taken the run over: this process must not send anything more.
        """
        sent_at = as_text(datetime.now(UTC))

        def write(connection: Connection) -> None:
            self._check(connection, run_id, holder)
            if keys is not None:
                row = {"event_keys": keys.keys, "persons": keys.persons, "keep_until": as_text(keys.keep_until)}
                connection.execute(_insert_keys(), {"the_run": run_id, "the_number": number, **row})
            add_changes(connection, run_id, number, changes)
            connection.execute(_mark_sending(), {"the_run": run_id, "the_number": number, "now": sent_at})

        self._commit(write)

    def reopen(self, run_id: str, number: int, state: str) -> None:
        """Set the state of a batch back to `pending`, or to `unknown` if an answer was lost; `unknown` stays."""
        the_batch = update(batches).where(batches.c.run_id == run_id, batches.c.number == number)
        reopened = the_batch.where(batches.c.state != "unknown").values(state=state)

        def write(connection: Connection) -> None:
            connection.execute(reopened)

        self._commit(write)

    def settled(self, run_id: str, part: BatchSlice, request: RequestRecord | None = None) -> None:
        """Record the outcome of a part of a batch, and the request that got it (None: it is recorded already).

        Once the outcome of its last event is known, the batch gets the state of the part, or `delivered` if any event
        was delivered.
        """
        settled_at = as_text(datetime.now(UTC))

        def write(connection: Connection) -> None:
            if request:
                self._add_request(connection, run_id, request, settled_at)
            if not (part.whole and part.state == "delivered"):
                connection.execute(insert(parts), _part_values(run_id, part))
            if part.reason and part.rows:
                self._count_rows(connection, run_id, _KINDS[part.state], {part.reason: part.rows})
            _add_part(connection, run_id, part, settled_at)

        self._commit(write)

    def request(self, run_id: str, record: RequestRecord) -> None:
        """Record a request and its answer, or that none will arrive."""
        answered_at = as_text(datetime.now(UTC))
        self._commit(lambda connection: self._add_request(connection, run_id, record, answered_at))

    def ever_delivered(self, destination: str, scope: Scope, route: Route) -> bool:
        """Return whether the resource of a route ever accepted anything sent for a destination."""
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
        """Return the batches of a staged run of which some events have no final outcome, in order."""
        in_order = select(batches).where(batches.c.run_id == run_id, is_open()).order_by(batches.c.number)
        return self._open(in_order, select(parts).where(parts.c.run_id == run_id))

    def all(self, run_id: str) -> list[BatchRecord]:
        """Return the batches of a run, in order."""
        query = select(batches).where(batches.c.run_id == run_id).order_by(batches.c.number)
        with self._database.reading() as connection:
            return [_batch(row) for row in connection.execute(query)]

    def excluded(self, run_id: str) -> list[tuple[BatchRecord, list[BatchSlice]]]:
        """Return the parts that were refused or skipped, by batch, both in order."""
        query = (
            select(batches, parts.c.first_event, parts.c.events.label("part_events"), parts.c.state.label("part_state"))
            .add_columns(parts.c.reason, parts.c.code, parts.c.message)
            .join(parts, (parts.c.run_id == batches.c.run_id) & (parts.c.batch == batches.c.number))
            .where(batches.c.run_id == run_id, parts.c.reason.is_not(None))
            .order_by(batches.c.number, parts.c.first_event)
        )
        excluded: dict[BatchRecord, list[BatchSlice]] = {}
        with self._database.reading() as connection:
            for row in connection.execute(query):
                part = BatchSlice(
                    row.number, row.first_event, row.part_events, 0, row.part_state, row.reason, row.code, row.message
                )
                excluded.setdefault(_batch(row), []).append(part)
        return list(excluded.items())

    def resource_types(self, run_id: str) -> frozenset[str]:
        """Return the types of the resources that a run sends to."""
        query = select(batches.c.resource_type).where(batches.c.run_id == run_id).distinct()
        with self._database.reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def requests(self, run_id: str) -> list[RequestRecord]:
        """Return the requests of a run, in the order of the answers."""
        names = RequestRecord.__slots__
        query = select(*(requests.c[name] for name in names)).where(requests.c.run_id == run_id).order_by(requests.c.id)
        with self._database.reading() as connection:
            return [RequestRecord(*row) for row in connection.execute(query)]

    def _open(self, of_batches: Select[Any], of_parts: Select[Any]) -> list[OpenBatch]:
        settled: dict[int, list[tuple[int, int]]] = {}
        with self._database.reading() as connection:
            for part in connection.execute(of_parts):
                settled.setdefault(part.batch, []).append((part.first_event, part.events))
            return [_open_batch(row, settled.get(row.number, [])) for row in connection.execute(of_batches)]

    def _commit(self, work: Work) -> None:
        """Do `work` in a writing transaction that concurrent threads share."""
        self._database.group_commit(work)

    def _check(self, connection: Connection, run_id: str, holder: str) -> None:
        """Raise LockedError if this process must not send."""
        check_holder(connection, run_id, holder)

    def _count_request(self, connection: Connection, run_id: str, *, sent: int, repeated: int) -> None:
        """Add requests to the counts of a run."""
        connection.execute(_count_request(), {"the_run": run_id, "sent": sent, "repeated": repeated})

    def _count_rows(self, connection: Connection, run_id: str, kind: str, counts: Mapping[str, int]) -> None:
        """Add rows by reason to the `rejects` or `skips` of a run."""
        add_to_counts(connection, run_id, kind, counts)

    def _add_request(self, connection: Connection, run_id: str, record: RequestRecord, answered_at: str) -> None:
        values = {name: getattr(record, name) for name in RequestRecord.__slots__}
        connection.execute(insert(requests), {"run_id": run_id, "answered_at": answered_at, **values})
        sent, repeated = int(record.verdict != BLOCKED), int(record.attempt > 1)
        self._count_request(connection, run_id, sent=sent, repeated=repeated)


def is_open() -> ColumnElement[bool]:
    """Return the condition under which some events of a batch have no final outcome."""
    return batches.c.delivered_events + batches.c.refused_events + batches.c.skipped_events < batches.c.events


@cache
def _insert_keys() -> Insert:
    """Return the statement that stores the keys of a batch unless they are stored already."""
    is_stored = exists().where(batch_keys.c.run_id == THE_RUN, batch_keys.c.number == THE_NUMBER)
    names = ("event_keys", "persons", "keep_until")
    columns = [batch_keys.c.run_id, batch_keys.c.number, *(batch_keys.c[name] for name in names)]
    values: list[Any] = [THE_RUN, THE_NUMBER, *(bindparam(name, type_=batch_keys.c[name].type) for name in names)]
    return insert(batch_keys).from_select(columns, select(*values).where(~is_stored))


@cache
def _mark_sending() -> Update:
    now = bindparam("now", type_=batches.c.sent_at.type)
    first = case((batches.c.sent_at.is_(None), now), else_=batches.c.sent_at)
    state = case((batches.c.state == "unknown", "unknown"), else_="sending")
    return _the_batch().values(state=state, sent_at=first)


def _add_part(connection: Connection, run_id: str, part: BatchSlice, settled_at: str) -> None:
    """Add a part with an outcome to the counts of its batch."""
    metrics = {"batch_metrics": part.metrics} if part.whole and part.metrics else {}
    counts = {"more_events": part.events, "more_rows": part.rows, "more_members": part.members, "now": settled_at}
    statement = _progress(part.state, with_metrics=bool(metrics))
    connection.execute(statement, {"the_run": run_id, "the_number": part.number, **counts, **metrics})


@cache
def _progress(state: str, *, with_metrics: bool) -> Update:
    more_events, more_members = (bindparam(name, type_=Integer) for name in ("more_events", "more_members"))
    of_events, of_rows = batches.c[f"{state}_events"], batches.c[f"{state}_rows"]
    settled = batches.c.delivered_events + batches.c.refused_events + batches.c.skipped_events + more_events
    final = case((batches.c.delivered_events > 0, "delivered"), else_=state)
    metrics = {batches.c.figures: bindparam("batch_metrics", type_=batches.c.figures.type)} if with_metrics else {}
    members = {batches.c.delivered_members: batches.c.delivered_members + more_members} if state == "delivered" else {}
    values: dict[Any, Any] = {
        batches.c.state: case((settled >= batches.c.events, final), else_=batches.c.state),
        of_events: of_events + more_events,
        of_rows: of_rows + bindparam("more_rows", type_=Integer),
        batches.c.settled_at: bindparam("now", type_=batches.c.settled_at.type),
    }
    return _the_batch().values({**metrics, **values, **members})


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
        "figures": None if part.whole else part.metrics,
    }


@cache
def _count_request() -> Update:
    sent, repeated = (bindparam(name, type_=Integer) for name in ("sent", "repeated"))
    values = {"requests_sent": runs.c.requests_sent + sent, "requests_retried": runs.c.requests_retried + repeated}
    return update(runs).where(runs.c.run_id == THE_RUN).values(**values)


def _batch(row: Row[Any]) -> BatchRecord:
    operation = Operation(Action(row.action), tuple(row.id_types or ()))
    route = Route(row.resource_type, row.resource_id, operation)
    return BatchRecord(row.number, route, row.file, row.place, row.events, row.rows, row.members)


def _open_batch(row: Row[Any], settled: list[tuple[int, int]]) -> OpenBatch:
    sent_at = datetime.fromisoformat(row.sent_at) if row.sent_at else None
    return OpenBatch(_batch(row), tuple(settled), uncertain=row.state in {"sending", "unknown"}, sent_at=sent_at)


@cache
def _the_batch() -> Update:
    return update(batches).where(batches.c.run_id == THE_RUN, batches.c.number == THE_NUMBER)
