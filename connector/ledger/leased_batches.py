"""The batches of a lease, as the process sends them that holds the lease."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, Update, bindparam, select, update

from connector.errors import LeaseLost, LedgerUnavailable
from connector.ledger.batch_records import BatchKeys, OpenBatch
from connector.ledger.batches import THE_NUMBER, THE_RUN, Batches, is_open
from connector.ledger.database import Database
from connector.ledger.group_commit import GroupCommit, Work
from connector.ledger.leases import Lease, in_range, lost
from connector.ledger.member_records import MemberChange
from connector.ledger.tables import batches, leases, parts


class LeasedBatches(Batches):
    """The batches of a lease. Their counts go to the row of the lease, so that machines do not wait for each other.

    Each transaction first locks that row until its end, and raises LeaseLost if the lease is another's.
    """

    def __init__(self, database: Database, lease: Lease) -> None:
        super().__init__(database)
        self._lease, self._counts = lease, _Counts()
        self._leased_commit = GroupCommit(self._writing)

    def sending(
        self,
        run_id: str,
        number: int,
        *,
        holder: str,
        keys: BatchKeys | None = None,
        changes: Sequence[MemberChange] = (),
    ) -> None:
        """See `Batches.sending`. Raises LeaseLost also once the term has run out by the clock of this process."""
        self._lease.check()
        super().sending(run_id, number, holder=holder, keys=keys, changes=changes)
        # Nobody has to be told: a batch that is being sent becomes unknown when the lease is taken.
        self._lease.check()

    def open(self, run_id: str) -> list[OpenBatch]:
        """Return the batches of the lease of which some events have no final outcome, in order."""
        lease = self._lease
        in_order = select(batches).where(in_range(lease), batches.c.run_id == run_id, is_open())
        is_within = parts.c.batch >= lease.first, parts.c.batch < lease.end
        of_parts = select(parts).where(parts.c.run_id == run_id, *is_within)
        return self._open(in_order.order_by(batches.c.number), of_parts)

    def _commit(self, work: Work) -> None:
        try:
            self._leased_commit.do(work)
        except LedgerUnavailable:
            # The server ends the transaction of a process that is frozen in it, which may last longer than its term.
            self._lease.check()
            raise

    def _check(self, _: Connection, run_id: str, holder: str) -> None:
        if (run_id, holder) != (self._lease.run_id, self._lease.holder):
            raise LeaseLost(f"A sender of lease {self._lease.number} of run {self._lease.run_id} has another lease.")

    def _count_request(self, _: Connection, __: str, *, sent: int, repeated: int) -> None:
        self._counts.sent += sent
        self._counts.repeated += repeated

    def _count_rows(self, _: Connection, __: str, kind: str, counts: Mapping[str, int]) -> None:
        self._counts.rows.setdefault(kind, Counter()).update(counts)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Open a transaction of which the threads of this sender share one at a time; see `GroupCommit`."""
        with self._database.writing() as connection:
            self._counts = _Counts()
            row = self._locked_row(connection)
            yield connection
            if values := self._counts.added_to(row):
                connection.execute(_change(tuple(values)), {**self._the_row, **values})

    @property
    def _the_row(self) -> dict[str, Any]:
        return {"the_run": self._lease.run_id, "the_number": self._lease.number}

    def _locked_row(self, connection: Connection) -> Row[Any]:
        row = connection.execute(_lock(), self._the_row).one_or_none()
        if row is None or (row.holder, row.epoch) != (self._lease.holder, self._lease.epoch):
            raise lost(connection, self._lease)
        return row


_COUNTS = ("requests_sent", "requests_retried", "rejects", "skips")
_THE_ROW = (leases.c.run_id == THE_RUN) & (leases.c.number == THE_NUMBER)


@cache
def _lock() -> Select[Any]:
    """Return the statement that locks the row of a lease."""
    columns = [leases.c[name] for name in ("holder", "epoch", *_COUNTS)]
    return select(*columns).where(_THE_ROW).with_for_update(key_share=True)


@cache
def _change(columns: tuple[str, ...]) -> Update:
    """Return the statement that changes columns of a lease."""
    return update(leases).where(_THE_ROW).values({name: bindparam(name, type_=leases.c[name].type) for name in columns})


@dataclass(slots=True)
class _Counts:
    """The counts of a transaction, which are written once."""

    sent: int = 0
    repeated: int = 0
    rows: dict[str, Counter[str]] = field(default_factory=dict)

    def added_to(self, row: Row[Any]) -> dict[str, Any]:
        """Return the columns of a lease that change."""
        values = {kind: dict(Counter(getattr(row, kind)) + more) for kind, more in self.rows.items()}
        requests = {"requests_sent": self.sent, "requests_retried": self.repeated}
        return {**values, **{name: getattr(row, name) + more for name, more in requests.items() if more}}
