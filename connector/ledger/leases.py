"""Leases: the ranges of batches that the senders of an engine take, each for a term that it renews.

A sender that stops renewing loses its lease to the next one that asks. If it was only frozen, it continues later, and
must change nothing. Three fences ensure that: each transaction on the batches of a lease first reads and locks the row
of the lease (see `LeasedBatches`); the server ends a transaction of a worker that stands still (see `open_ledger`); and
a sender starts no request once its term has run out by its own clock.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    and_,
    case,
    cast,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from connector.core.secret_registry import without_secrets
from connector.errors import LeaseLost
from connector.ledger.batches import is_open
from connector.ledger.database import Database
from connector.ledger.locks import check_holder
from connector.ledger.tables import batches, leases, runs, splits

if TYPE_CHECKING:
    from connector.ledger.leased_batches import LeasedBatches

Clock = Callable[[], float]


@dataclass(slots=True, eq=False)
class Lease:
    """A range of batches of a run that this process may send until its term has run out."""

    run_id: str
    """The id of the run."""
    number: int
    """The number of the lease in the run, from 0."""
    first: int
    """The number of the first batch."""
    end: int
    """The number after that of the last batch."""
    holder: str
    """The unique id of this term."""
    epoch: int
    """The number of this term, from 1."""
    valid_until: float
    """The end of the term, by the clock of this process and before the ledger's server sees it."""
    clock: Clock = field(default=time.monotonic, repr=False)
    """The clock of this process, which no time server sets."""

    def is_valid(self) -> bool:
        """Return whether the term has not run out by the clock of this process."""
        return self.clock() < self.valid_until

    def check(self) -> None:
        """Raise LeaseLost if the term has run out: another process may have taken the lease by now."""
        if not self.is_valid():
            raise LeaseLost(f"The term of lease {self.number} of run {self.run_id} has run out; this sender stops.")


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """A lease in the ledger."""

    number: int
    """Its number in the run, from 0."""
    first: int
    """The number of its first batch."""
    end: int
    """The number after that of its last batch."""
    epoch: int
    """The number of times that it was taken."""
    host: str | None
    """The machine that took it last."""
    done: bool
    """True if all its batches were sent, or tried."""
    is_held: bool
    """True if a sender holds it, and its term has not run out."""
    requests_sent: int
    """Requests that were sent."""
    requests_retried: int
    """Requests that repeated an earlier one."""
    rejects: Mapping[str, int]
    """Rejected rows by reason."""
    skips: Mapping[str, int]
    """Skipped rows by reason."""


@dataclass(frozen=True, slots=True)
class NodeUsage:
    """The work of a machine for a run. Seconds are those of its tasks, added up."""

    host: str
    """The name of the machine."""
    splits: int
    """Splits that it read."""
    rows_read: int
    """Rows of these splits."""
    read_seconds: float
    """Seconds of reading."""
    batches: int
    """Batches of the leases that it took last, as far as they were sent."""
    rows_sent: int
    """Rows of these batches that were delivered."""
    send_seconds: float
    """Seconds for which it held leases."""

    def as_json(self) -> dict[str, object]:
        """Return the object that `connector runs show --json` prints for it."""
        read = {"splits": self.splits, "rows": self.rows_read, "seconds": round(self.read_seconds, 3)}
        sent = {"batches": self.batches, "rows": self.rows_sent, "seconds": round(self.send_seconds, 3)}
        return {"host": self.host, "read": read, "sent": sent}


class Leases:
    """The table of leases. Each method is one transaction."""

    def __init__(self, database: Database, clock: Clock = time.monotonic) -> None:
        self._database, self._clock = database, clock

    def create(self, run_id: str, bounds: Sequence[tuple[int, int]], *, holder: str | None = None) -> None:
        """Add the leases of a run that has none, each from a first batch to before an end.

        With `holder`, raise LockedError if another process has taken the run over.
        """
        rows = [
            {"run_id": run_id, "number": number, "first_batch": first, "end_batch": end}
            for number, (first, end) in enumerate(bounds)
        ]
        with self._database.writing() as connection:
            if holder is not None:
                check_holder(connection, run_id, holder)
            if rows:
                connection.execute(insert(leases), rows)

    def take(self, run_id: str, host: str, seconds: float, *, driver: str | None = None) -> Lease | None:
        """Take a lease that is not done and that nobody holds; None if there is none, or the run is halted.

        The answers to requests that its last holder was sending are lost. With `driver`, raise LockedError if another
        process has taken the run over from the one with this lock: it has senders of its own.
        """
        asked = self._clock()
        with self._database.writing() as connection:
            if driver is not None:
                check_holder(connection, run_id, driver)
            now = self._database.now(connection)
            row = None if _halted(connection, run_id) else connection.execute(_free(run_id, now)).one_or_none()
            if row is None:
                return None
            lease = Lease(
                run_id,
                row.number,
                row.first_batch,
                row.end_batch,
                token_hex(16),
                row.epoch + 1,
                asked + seconds,
                self._clock,
            )
            term = {"holder": lease.holder, "epoch": lease.epoch, "host": host, "taken": now, "until": now + seconds}
            connection.execute(update(leases).where(_the_row(lease)).values(**term, ended=None))
            sending = update(batches).where(in_range(lease), batches.c.state == "sending")
            connection.execute(sending.values(state="unknown"))
            return lease

    def renew(self, lease: Lease, seconds: float) -> str | None:
        """Start the term again, and return why the run has to stop; None if it does not.

        Raises LeaseLost if another process has taken the lease.
        """
        asked = self._clock()
        with self._database.writing() as connection:
            self._change(connection, lease, {"until": self._database.now(connection) + seconds})
            why = _halted(connection, lease.run_id)
        lease.valid_until = asked + seconds
        return why

    def finish(self, lease: Lease) -> None:
        """Record that each batch of a lease was sent or tried. Raises LeaseLost if another process has taken it."""
        self._end(lease, done=True)

    def release(self, lease: Lease) -> None:
        """Give back a lease that is not done, so that another sender can take it at once. Raises as `finish` does."""
        self._end(lease, done=False)

    def reopen(self, run_id: str, *, holder: str | None = None) -> int:
        """Open the leases again that are done although some of their batches are open, and return their number.

        With `holder`, raise LockedError if another process has taken the run over.
        """
        of_lease = (batches.c.run_id == run_id) & _is_within()
        reopened = update(leases).where(leases.c.run_id == run_id, leases.c.done, exists().where(of_lease, is_open()))
        with self._database.writing() as connection:
            if holder is not None:
                check_holder(connection, run_id, holder)
            return connection.execute(reopened.values(done=False)).rowcount

    def batches(self, lease: Lease) -> "LeasedBatches":
        """Return the batches of a lease, to be sent by this process."""
        from connector.ledger.leased_batches import LeasedBatches

        return LeasedBatches(self._database, lease)

    def all(self, run_id: str) -> list[LeaseRecord]:
        """Return the leases of a run, in order."""
        query = select(leases).where(leases.c.run_id == run_id).order_by(leases.c.number)
        with self._database.reading() as connection:
            now = self._database.now(connection)
            return [_record(row, now) for row in connection.execute(query)]

    def is_done(self, run_id: str) -> bool:
        """Return whether no lease of a run is left to be sent."""
        query = select(leases.c.number).where(leases.c.run_id == run_id, ~leases.c.done).limit(1)
        with self._database.reading() as connection:
            return connection.execute(query).first() is None

    def halt(self, run_id: str, why: str | None, *, holder: str | None = None) -> None:
        """Have all senders of a run stop, for the first reason that is given, or no longer (None).

        With `holder`, raise LockedError if another process has taken the run over: it stops its own senders.
        """
        reason = func.coalesce(runs.c.halt, without_secrets(why)) if why is not None else None
        with self._database.writing() as connection:
            if holder is not None:
                check_holder(connection, run_id, holder, changing=True)
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(halt=reason))

    def halted(self, run_id: str) -> str | None:
        """Return why all senders of a run have to stop; None if they do not."""
        with self._database.reading() as connection:
            return _halted(connection, run_id)

    def units_with_outcome(self, run_id: str) -> int:
        """Return the number of events, or members of an audience, of a run that were delivered or refused."""
        events = batches.c.delivered_events + batches.c.refused_events
        units = case((batches.c.members > 0, batches.c.delivered_members), else_=events)
        query = select(func.coalesce(func.sum(units), 0)).where(batches.c.run_id == run_id)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def delivered(self, run_id: str) -> int:
        """Return the number of events of a run that were delivered."""
        total = func.coalesce(func.sum(batches.c.delivered_events), 0)
        with self._database.reading() as connection:
            return int(connection.execute(select(total).where(batches.c.run_id == run_id)).scalar_one())

    def nodes(self, run_id: str) -> list[NodeUsage]:
        """Return what each machine did for a run, by name."""
        with self._database.reading() as connection:
            read = _by_host(connection, _read(run_id))
            sent = _by_host(connection, _sent(run_id))
            held = _by_host(connection, _held(run_id, self._database.now(connection)))
        return [
            NodeUsage(host, *read.get(host, (0, 0, 0.0)), *sent.get(host, (0, 0)), *held.get(host, (0.0,)))
            for host in sorted({*read, *sent, *held})
        ]

    def _end(self, lease: Lease, *, done: bool) -> None:
        with self._database.writing() as connection:
            now = self._database.now(connection)
            term = {"until": None, "ended": now, "seconds": leases.c.seconds + now - leases.c.taken}
            self._change(connection, lease, {**term, "holder": None, "done": done})
        lease.valid_until = float("-inf")

    def _change(self, connection: Connection, lease: Lease, values: Mapping[str, Any]) -> None:
        held = leases.c.holder == lease.holder, leases.c.epoch == lease.epoch
        changed = connection.execute(update(leases).where(_the_row(lease), *held).values(**values))
        if not changed.rowcount:
            raise lost(connection, lease)


def lost(connection: Connection, lease: Lease) -> LeaseLost:
    """Return the error that names who holds a lease now."""
    host = connection.execute(select(leases.c.host).where(_the_row(lease))).scalar()
    by = f"another process, on {host}" if host else "another process"
    return LeaseLost(f"Lease {lease.number} of run {lease.run_id} was taken over by {by}; this sender stops.")


def in_range(lease: Lease) -> ColumnElement[bool]:
    """Return the condition under which a batch is one of a lease."""
    return and_(batches.c.run_id == lease.run_id, batches.c.number >= lease.first, batches.c.number < lease.end)


def _is_within() -> ColumnElement[bool]:
    return and_(batches.c.number >= leases.c.first_batch, batches.c.number < leases.c.end_batch)


def _the_row(lease: Lease) -> ColumnElement[bool]:
    return and_(leases.c.run_id == lease.run_id, leases.c.number == lease.number)


def _free(run_id: str, now: float) -> Any:
    """Return the query that locks the first free lease. One that another process has locked is not waited for."""
    is_free = or_(leases.c.until.is_(None), leases.c.until < now)
    query = select(leases).where(leases.c.run_id == run_id, ~leases.c.done, is_free).order_by(leases.c.number)
    return query.limit(1).with_for_update(key_share=True, skip_locked=True)


def _halted(connection: Connection, run_id: str) -> str | None:
    return connection.execute(select(runs.c.halt).where(runs.c.run_id == run_id)).scalar()


def _record(row: Row[Any], now: float) -> LeaseRecord:
    return LeaseRecord(
        number=row.number,
        first=row.first_batch,
        end=row.end_batch,
        epoch=row.epoch,
        host=row.host,
        done=row.done,
        is_held=row.until is not None and row.until > now,
        requests_sent=row.requests_sent,
        requests_retried=row.requests_retried,
        rejects=row.rejects,
        skips=row.skips,
    )


def _read(run_id: str) -> Any:
    total = cast(func.coalesce(func.sum(splits.c.rows), 0), BigInteger), func.coalesce(func.sum(splits.c.seconds), 0.0)
    of_run = splits.c.run_id == run_id, splits.c.kind == "read", splits.c.attempt.is_not(None)
    return select(splits.c.host, func.count(), *total).where(*of_run).group_by(splits.c.host)


def _sent(run_id: str) -> Any:
    of_lease = (batches.c.run_id == leases.c.run_id) & _is_within()
    query = select(leases.c.host, func.count(), func.coalesce(func.sum(batches.c.delivered_rows), 0))
    return (
        query.join(batches, of_lease)
        .where(leases.c.run_id == run_id, leases.c.host.is_not(None), batches.c.sent_at.is_not(None))
        .group_by(leases.c.host)
    )


def _held(run_id: str, now: float) -> Any:
    """Return the query for the seconds of terms, the present ones included."""
    present = func.coalesce(func.sum(now - leases.c.taken).filter(leases.c.until > now), 0.0)
    query = select(leases.c.host, func.sum(leases.c.seconds) + present)
    return query.where(leases.c.run_id == run_id, leases.c.host.is_not(None)).group_by(leases.c.host)


def _by_host(connection: Connection, query: Any) -> dict[str, tuple[Any, ...]]:
    return {host: tuple(values) for host, *values in connection.execute(query)}
