"""Send the batches of a staged run from several machines: each sender takes leases, one after the other."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import pairwise
from math import ceil
from time import monotonic, sleep

from connector.config.destination import DestinationSettings
from connector.delivery.shared_limiter import SharedLimiter
from connector.destinations.base import Attempt
from connector.destinations.context import OtherLock, RunContext
from connector.errors import ConnectorError, LeaseLost, LedgerUnavailable, ResumableError
from connector.ledger.batch_records import OpenBatch
from connector.ledger.leases import Lease
from connector.observer import Silent
from connector.runs.cluster.ray_cluster import Cluster
from connector.runs.cluster.worker import RunName, Worker, open_worker, task
from connector.runs.cluster.workload import lease_size, sender_count
from connector.runs.deliver import Delivery, Pace, excluded_written, is_too_late, preflight, send_batches

_NO_BATCH = (1 << 31) - 1
"""Greater than the number of any batch."""
_MOST_LOST = 20
"""Leases that a sender may lose before it gives up: a node that cannot keep up is of no use."""
_REPORT_SECONDS = 2.0
"""Seconds between two counts of what was sent."""
_HALT_PATIENCE = 10.0
"""Seconds for which a stop waits for a ledger that cannot be reached."""
INTERRUPTED = "Interrupted."
_LEDGER_PATIENCE = 60.0
"""Seconds for which a sender waits for a ledger that cannot be reached."""
_POLL_SECONDS = 0.5
"""Seconds between two looks at the run's halt, and for a lease that another sender may leave."""


def send_spread(
    context: RunContext,
    cluster: Cluster,
    delivery: Delivery,
    open_batches: Sequence[OpenBatch],
    *,
    resend_unknown: bool = False,
) -> None:
    """Send batches from all machines until the outcome of each is known. Raises as `send` does."""
    with excluded_written(context, delivery):
        if open_batches:
            preflight(context, delivery, open_batches)
            _send_all(context, cluster, delivery, open_batches, resend_unknown)


def _send_all(
    context: RunContext, cluster: Cluster, delivery: Delivery, open_batches: Sequence[OpenBatch], resend_unknown: bool
) -> None:
    leases, run_id = context.ledger.leases, delivery.run_id
    name = context.ledger.runs.get(run_id).engine
    engine = context.project.engine(name) if name in context.project.engines else None
    senders = sender_count(engine, cluster.cores, delivery.destination.settings, len(open_batches))
    leases.reopen(run_id, holder=context.lock.holder)
    if not leases.all(run_id):
        leases.create(run_id, list(_bounds(open_batches, senders)), holder=context.lock.holder)
    arguments = [(RunName.of(context, run_id), senders, resend_unknown)] * senders
    watch = _Watch(context, run_id, delivery.destination.capabilities.unit, leases.units_with_outcome(run_id))
    for _ in cluster.run(
        send_leases,
        arguments,
        context.stop,
        label=lambda *_: "a sender",
        on_tick=watch.report,
        wind_down=watch.wind_down,
    ):
        watch.report()
    watch.raise_halt()


@dataclass(slots=True)
class _Watch:
    """Watches the senders of a run, and stops them."""

    context: RunContext
    run_id: str
    unit: str
    acknowledged: int = 0
    due: float = 0.0
    """The moment of the next count of what was sent."""
    since: float = 0.0
    """The moment at which the senders were told to stop first."""
    is_halted: bool = False
    idle: int = 0
    """The number of looks in a row at which no sender had a lease."""

    def report(self) -> None:
        """Tell the observer how much was acknowledged since the last report."""
        if monotonic() < self.due:
            return
        self.due = monotonic() + _REPORT_SECONDS
        # The senders notice by themselves if the ledger stays away.
        with suppress(LedgerUnavailable):
            now = self.context.ledger.leases.units_with_outcome(self.run_id)
            if now > self.acknowledged:
                self.context.observer.acknowledged(now - self.acknowledged, noun=self.unit)
            self.acknowledged = now

    def wind_down(self, failure: ConnectorError | None) -> bool:
        """Stop the senders, and return whether none has a request under way. Raises LockedError."""
        leases, self.since = self.context.ledger.leases, self.since or monotonic()
        try:
            if not self.is_halted:
                why = failure.message if failure else INTERRUPTED
                leases.halt(self.run_id, why, holder=self.context.lock.holder)
                self.is_halted = True
            is_idle = not any(lease.is_held for lease in leases.all(self.run_id))
        except LedgerUnavailable:
            # Without a ledger, no sender sends.
            return monotonic() - self.since > _HALT_PATIENCE
        self.idle = self.idle + 1 if is_idle else 0
        # A sender may just have taken a lease when the run was halted.
        return self.idle > 1

    def raise_halt(self) -> None:
        """Raise ResumableError if a sender stopped all others and died before it could say so."""
        why = self.context.ledger.leases.halted(self.run_id)
        if why is not None and not self.context.stop.is_set():
            raise ResumableError(why)


def _bounds(open_batches: Sequence[OpenBatch], senders: int) -> Iterator[tuple[int, int]]:
    """Yield the first batch of each lease, and the one after its last: together they are all batches of the run."""
    numbers = [batch.record.number for batch in open_batches]
    starts = [0, *numbers[:: lease_size(len(numbers), senders)][1:], _NO_BATCH]
    yield from pairwise(starts)


@task
def send_leases(name: RunName, senders: int, resend_unknown: bool) -> None:
    """Send the batches of one lease after the other until none is left. A task.

    An error stops all senders of the run, as it stops the only one of a run on one machine. A lease that is lost, or a
    ledger that is away for a moment, stops nobody else: the sender takes another lease once it can.
    """
    with open_worker(name) as worker, _open_sender(worker, senders, resend_unknown) as sender:
        lost = 0
        while (lease := _take(worker)) is not None:
            try:
                _send_lease(worker, sender, lease)
                lost = 0
            except (LeaseLost, LedgerUnavailable) as error:
                lost += 1
                if lost == _MOST_LOST:
                    raise _useless(worker, error) from None
                worker.stop.clear()
                sleep(_POLL_SECONDS)


def _useless(worker: Worker, error: ConnectorError) -> ConnectorError:
    """Return the error of a sender that lost its leases too often."""
    if isinstance(error, LedgerUnavailable):
        return error
    return ResumableError(
        f"Node {worker.host} lost {_MOST_LOST} leases one after the other, since it did not renew them within "
        f"{worker.lease_seconds:g} seconds: raise lease_seconds of the engine, or give the node less to do. "
        "`connector resume` sends the rest."
    )


def _send_lease(worker: Worker, sender: "_Sender", lease: Lease) -> None:
    """Send a lease to its end, or give it back. Raises LeaseLost, LedgerUnavailable, and as `send_batches` does."""
    try:
        with _renewed(worker, lease):
            sender.send(lease)
        _end(worker, lease)
    except Exception as error:
        if isinstance(error, ConnectorError) and not isinstance(error, LeaseLost | LedgerUnavailable):
            _halt(worker, lease, error)
        # Every request has its answer by now: another sender need not wait until the term has run out.
        with suppress(ConnectorError):
            worker.ledger.leases.release(lease)
        raise


def _end(worker: Worker, lease: Lease) -> None:
    """Record that a lease is done, or give it back if the sender had to stop before its end."""
    leases = worker.ledger.leases
    if worker.stop.is_set():
        leases.release(lease)
    else:
        leases.finish(lease)


def _halt(worker: Worker, lease: Lease, error: ConnectorError) -> None:
    """Stop all senders of the run; if the ledger fails too, the first error is the one."""
    with suppress(ConnectorError):
        worker.ledger.leases.halt(lease.run_id, error.message, holder=worker.driver)


def _take(worker: Worker) -> Lease | None:
    """Take a lease, and wait for those that others hold; None once all are done, or the run is halted."""
    leases, run_id, since = worker.ledger.leases, worker.record.run_id, monotonic()
    while not worker.stop.is_set():
        try:
            if leases.halted(run_id) is not None:
                return None
            if lease := leases.take(run_id, worker.host, worker.lease_seconds, driver=worker.driver):
                return lease
            if leases.is_done(run_id):
                return None
            since = monotonic()
        except LedgerUnavailable:
            if monotonic() - since > _LEDGER_PATIENCE:
                raise
        worker.stop.wait(_POLL_SECONDS)
    return None


@contextmanager
def _renewed(worker: Worker, lease: Lease) -> Iterator[None]:
    """Renew a lease every third of its term, and stop the worker once the run is halted or the lease is lost."""
    ended = threading.Event()
    thread = threading.Thread(target=_renew, args=(worker, lease, ended), name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _renew(worker: Worker, lease: Lease, ended: threading.Event) -> None:
    leases, term = worker.ledger.leases, worker.lease_seconds
    due = monotonic() + term / 3
    while not ended.wait(min(_POLL_SECONDS, term / 6)):
        try:
            if monotonic() >= due:
                leases.renew(lease, term)
                due = monotonic() + term / 3
            if leases.halted(lease.run_id) is not None:
                worker.stop.set()
        except LeaseLost:
            worker.stop.set()
            return
        except ConnectorError:
            # While the ledger cannot be reached, the sender stops by itself once its term has run out.
            continue


@dataclass(frozen=True, slots=True)
class _Sender:
    """An open platform, through which the batches of leases are sent."""

    worker: Worker
    context: RunContext
    delivery: Delivery
    attempt: Attempt
    pace: Pace
    resend_unknown: bool

    def send(self, lease: Lease) -> None:
        """Send the open batches of a lease. Raises LeaseLost, and as `send_batches` does."""
        progress = self.worker.ledger.leases.batches(lease)
        context = replace(self.context, lock=OtherLock(self.worker.host, lease.holder))
        open_batches = [
            batch
            for batch in progress.open(lease.run_id)
            if self.resend_unknown or not is_too_late(self.delivery.destination, batch)
        ]
        send_batches(context, self.delivery, self.attempt, open_batches, progress, self.pace)


@contextmanager
def _open_sender(worker: Worker, senders: int, resend_unknown: bool) -> Iterator[_Sender]:
    destination, record = worker.job.destination, worker.record
    with worker.stage_folder() as directory:
        context = RunContext(worker.project, worker.ledger, OtherLock(worker.host), Silent(), worker.stop, directory)
        with destination.attach(context) as targets:
            code = record.test_event_code
            delivery = Delivery(record.run_id, destination, targets, code)
            with destination.open(context, targets, record.run_id, code) as attempt:
                yield _Sender(worker, context, delivery, attempt, _pace(worker, senders), resend_unknown)


def _pace(worker: Worker, senders: int) -> Pace:
    """Return the pace of a sender: its share of the requests under way, and the rate of all machines."""
    settings, rates = worker.job.destination.settings, worker.ledger.rates
    key, share = _rate_key(settings), ceil(settings.max_in_flight / senders)
    take, push_back = partial(rates.take, key), partial(rates.push_back, key)
    limiter = SharedLimiter(settings.requests_per_second, take, push_back, most_at_once=share)
    leases, run_id = worker.ledger.leases, worker.record.run_id
    before = leases.delivered(run_id)
    return Pace(limiter, share, lambda: leases.delivered(run_id) - before)


def _rate_key(settings: DestinationSettings) -> str:
    """Return the digest by which all machines know the rate of a credential at an address."""
    credential = getattr(settings, "credential", None)
    return sha256(f"{settings.address} {getattr(credential, 'name', '')}".encode()).hexdigest()
