"""A sender that is frozen, loses its lease and goes on: the ledger stays exact, by three fences, each tried alone."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from multiprocessing.connection import Connection as Pipe
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from connector.errors import ConnectorError, LedgerUnavailable
from connector.ledger.batch_records import BatchSlice
from connector.ledger.leased_batches import LeasedBatches
from connector.ledger.leases import Lease
from connector.ledger.ledger import Ledger, open_ledger
from connector.ledger.tables import batches, leases
from tests.ledger.processes import COUNT, Processes, new_interpreter
from tests.ledger.runs import HOLDER, RUN, delivered, request, staged_rows, started_run
from tests.postgres import Postgres

TERM = 1.0
EVENTS = 4
IDLE = 3.0
"""Seconds after which the server ends a transaction of a worker that stands still."""
WAITS = 30.0
TAKEN_OVER = f"LeaseLost: Lease 0 of run {RUN} was taken over by another process, on two; this sender stops."
RUN_OUT = f"LeaseLost: The term of lease 0 of run {RUN} has run out; this sender stops."

Work = Callable[[Ledger, Lease, Pipe], None]


@pytest.fixture
def url(postgres: Postgres) -> str:
    """A ledger with a run of three batches in one lease."""
    url = postgres.new_database()
    with open_ledger(url) as ledger:
        started_run(ledger, engine="cluster")
        ledger.runs.staged(RUN, staged_rows([EVENTS] * 3), holder=HOLDER)
        ledger.leases.create(RUN, [(0, 3)])
    return url


def here(pipe: Pipe) -> None:
    """Says that this process has come so far, and waits to be told to go on."""
    pipe.send("here")
    assert pipe.recv() == "go on"


def whole(number: int) -> BatchSlice:
    return delivered(number, 0, EVENTS, whole=True)


def settles(ledger: Ledger, lease: Lease, pipe: Pipe) -> None:
    """Sends a batch, and is frozen while the service answers."""
    sender = ledger.leases.batches(lease)
    sender.sending(RUN, 0, holder=lease.holder)
    here(pipe)
    sender.settled(RUN, whole(0), request(0, events=EVENTS))


def settles_unfenced(ledger: Ledger, lease: Lease, pipe: Pipe) -> None:
    """Does so without reading whose the lease is."""

    def unread(self: LeasedBatches, connection: Any) -> Any:
        the_row = leases.c.run_id == lease.run_id, leases.c.number == lease.number
        return connection.execute(select(leases).where(*the_row)).one()

    LeasedBatches._locked_row = unread  # type: ignore[method-assign]
    settles(ledger, lease, pipe)


def settles_while_frozen(ledger: Ledger, lease: Lease, pipe: Pipe) -> None:
    """Is frozen when everything is written but not committed."""
    sender = ledger.leases.batches(lease)
    sender.sending(RUN, 0, holder=lease.holder)
    event.listen(Engine, "commit", lambda _: here(pipe))
    sender.settled(RUN, whole(0), request(0, events=EVENTS))


def settles_again(ledger: Ledger, lease: Lease, pipe: Pipe) -> None:
    """Does so, and once more when the ledger has failed."""
    sender = ledger.leases.batches(lease)
    sender.sending(RUN, 0, holder=lease.holder)
    event.listen(Engine, "commit", lambda _: here(pipe), once=True)
    with pytest.raises(LedgerUnavailable, match="terminating connection due to idle-in-transaction timeout"):
        sender.settled(RUN, whole(0), request(0, events=EVENTS))
    sends_the_rest(ledger, lease)


def sends_while_frozen(ledger: Ledger, lease: Lease, pipe: Pipe) -> None:
    """Is frozen while it records that it is about to send."""
    event.listen(Engine, "commit", lambda _: here(pipe))
    ledger.leases.batches(lease).sending(RUN, 0, holder=lease.holder)


def sends_later(ledger: Ledger, lease: Lease, pipe: Pipe) -> None:
    """Is frozen before it sends a batch."""
    here(pipe)
    ledger.leases.batches(lease).sending(RUN, 0, holder=lease.holder)


def renews_later(ledger: Ledger, lease: Lease, pipe: Pipe) -> None:
    """Is frozen before it renews its term."""
    here(pipe)
    ledger.leases.renew(lease, TERM)


def sender(url: str, work: Work, term: float, pipe: Pipe) -> None:
    """Another process, which takes the lease, works and reports its error."""
    with open_ledger(url, worker=True) as ledger:
        lease = ledger.leases.take(RUN, "one", term)
        assert lease is not None
        try:
            work(ledger, lease, pipe)
        except ConnectorError as error:
            pipe.send(f"{type(error).__name__}: {error}")
        else:
            pipe.send("done")


class Frozen:
    """A process that was stopped where its work says `here`."""

    def __init__(self, pid: int, pipe: Pipe) -> None:
        self._pid, self._pipe = pid, pipe

    def thaw(self) -> str:
        """Lets it go on, and returns how its work ended."""
        self._pipe.send("go on")
        os.kill(self._pid, signal.SIGCONT)
        assert self._pipe.poll(WAITS)
        return str(self._pipe.recv())


@contextmanager
def frozen(url: str, work: Work, term: float = TERM) -> Iterator[Frozen]:
    """A process that takes the lease and is stopped in its work."""
    context = new_interpreter()
    ours, theirs = context.Pipe()
    process = context.Process(target=sender, args=(url, work, term, theirs), daemon=True)
    process.start()
    try:
        assert ours.poll(WAITS)
        assert ours.recv() == "here"
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        yield Frozen(process.pid, ours)
    finally:
        process.kill()
        process.join()


def take(ledger: Ledger, within: float) -> tuple[Lease, float]:
    """Takes the lease once it is free, and returns it with the seconds that this took."""
    began = time.monotonic()
    while time.monotonic() - began < within:
        if lease := ledger.leases.take(RUN, "two", WAITS):
            return lease, time.monotonic() - began
        time.sleep(0.05)
    raise AssertionError(f"The lease was not free after {within} s.")


def sends_the_rest(ledger: Ledger, lease: Lease) -> None:
    """Sends every batch that is open."""
    sender = ledger.leases.batches(lease)
    for batch in sender.open(RUN):
        sender.sending(RUN, batch.record.number, holder=lease.holder)
        sender.settled(RUN, whole(batch.record.number), request(batch.record.number, events=EVENTS))
    ledger.leases.finish(lease)


def counted(ledger: Ledger) -> dict[str, Any]:
    """The state of the run in the ledger in the end."""
    record = ledger.runs.get(RUN)
    with ledger.database.reading() as connection:
        events = connection.execute(select(batches.c.delivered_events).order_by(batches.c.number)).scalars().all()
    return {
        "events": list(events),
        "rows": record.rows.delivered,
        "requests": record.requests_sent,
        "logged": len(ledger.batches.requests(RUN)),
    }


EXACT = {"events": [EVENTS] * 3, "rows": 3 * EVENTS, "requests": 3, "logged": 3}


@pytest.mark.parametrize("work", [settles, sends_later, renews_later])
def test_one_that_was_frozen_between_transactions_changes_nothing(url: str, work: Work) -> None:
    with frozen(url, work) as zombie, open_ledger(url, worker=True) as ledger:
        lease, _ = take(ledger, within=WAITS)
        sends_the_rest(ledger, lease)
        assert zombie.thaw() in {TAKEN_OVER, RUN_OUT}
        assert counted(ledger) == EXACT


def test_without_the_fence_on_outcomes_a_batch_is_counted_twice(url: str) -> None:
    with frozen(url, settles_unfenced) as zombie, open_ledger(url, worker=True) as ledger:
        lease, _ = take(ledger, within=WAITS)
        sends_the_rest(ledger, lease)
        assert zombie.thaw() == "done"
        assert counted(ledger) == {"events": [2 * EVENTS, EVENTS, EVENTS], "rows": 16, "requests": 4, "logged": 4}


@pytest.mark.parametrize("work", [settles_while_frozen, sends_while_frozen])
def test_one_that_is_frozen_in_a_transaction_keeps_its_lease_for_seconds_only(url: str, work: Work) -> None:
    """Its writes are undone; another sender waits for no lock meanwhile."""
    with frozen(url, work) as zombie, open_ledger(url, worker=True) as ledger:
        lease, seconds = take(ledger, within=WAITS)
        assert seconds > TERM
        assert [batch.uncertain for batch in ledger.leases.batches(lease).open(RUN)] == [
            work is settles_while_frozen, False, False
        ]  # fmt: skip
        sends_the_rest(ledger, lease)
        assert zombie.thaw() == RUN_OUT
        assert counted(ledger) == EXACT


def test_one_whose_transaction_the_server_ended_goes_on_within_its_term(url: str) -> None:
    with frozen(url, settles_again, WAITS) as zombie, open_ledger(url) as ledger:
        time.sleep(IDLE + 0.5)
        assert zombie.thaw() == "done"
        assert counted(ledger) == EXACT


def test_one_whose_term_has_run_out_sends_nothing_although_nobody_took_its_lease(url: str) -> None:
    with frozen(url, sends_later) as zombie, open_ledger(url) as ledger:
        time.sleep(TERM)
        assert zombie.thaw() == RUN_OUT
        assert [batch.sent_at for batch in ledger.batches.open(RUN)] == [None] * 3


@pytest.mark.parametrize(("worker", "idle", "lock"), [(True, "3s", "10s"), (False, "0", "0")])
def test_only_the_transactions_of_workers_are_bounded(url: str, worker: bool, idle: str, lock: str) -> None:
    with open_ledger(url, worker=worker) as ledger, ledger.database.reading() as connection:
        names = ("idle_in_transaction_session_timeout", "lock_timeout")
        assert [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names] == [idle, lock]


def takes_all(url: str, process: int) -> list[tuple[int, int]]:
    """Takes leases until there is none, and gives the number and epoch of each."""
    with open_ledger(url, worker=True) as ledger:
        taken = []
        while lease := ledger.leases.take("many", f"host{process}", WAITS):
            taken.append((lease.number, lease.epoch))
        return taken


def test_processes_that_take_leases_at_once_never_get_the_same(url: str, processes: Processes) -> None:
    with open_ledger(url) as ledger:
        started_run(ledger, "many", orchestration="p", engine="cluster")
        ledger.leases.create("many", [(number, number + 1) for number in range(80)])
    taken = processes.all_at_once(takes_all, url)
    assert sorted(chain.from_iterable(taken)) == [(number, 1) for number in range(80)]
    assert COUNT > 1


def sends_leases(url: str, process: int) -> int:
    """Takes leases until there is none and sends their batches; every second time, it gives a lease back half-way."""
    times = 0
    with open_ledger(url, worker=True) as ledger:
        while lease := ledger.leases.take("many", f"host{process}", WAITS):
            times += 1
            sender = ledger.leases.batches(lease)
            pending = sender.open("many")
            for batch in pending[: len(pending) if lease.epoch % 2 == 0 else 2]:
                sender.sending("many", batch.record.number, holder=lease.holder)
                sender.settled("many", whole(batch.record.number), request(batch.record.number, events=EVENTS))
            (ledger.leases.finish if lease.epoch % 2 == 0 else ledger.leases.release)(lease)
    return times


def test_processes_that_send_leases_count_each_batch_once_and_wait_for_no_lock(url: str, processes: Processes) -> None:
    with open_ledger(url) as ledger:
        started_run(ledger, "many", orchestration="p", engine="cluster")
        ledger.runs.staged("many", staged_rows([EVENTS] * 60), holder=HOLDER)
        ledger.leases.create("many", [(first, first + 5) for first in range(0, 60, 5)])
        assert sum(processes.all_at_once(sends_leases, url)) == 24
        record = ledger.runs.get("many")
        assert (record.rows.delivered, record.rows.pending, record.requests_sent) == (60 * EVENTS, 0, 60)
        assert ledger.leases.is_done("many")
        assert sum(node.batches for node in ledger.leases.nodes("many")) == 60
        with ledger.database.reading() as connection:
            query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            assert connection.exec_driver_sql(query).scalar() == 0
