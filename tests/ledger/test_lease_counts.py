"""Whatever senders do and in whatever order, and whoever is thought dead: the counts of a run add up."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from connector.errors import LeaseLost
from connector.ledger.batch_records import OpenBatch
from connector.ledger.leases import Lease
from connector.ledger.ledger import Ledger, open_ledger
from connector.ledger.tables import leases
from tests.hypothesis_settings import scaled
from tests.ledger.runs import HOLDER, delivered, refused, request, skipped, staged_rows, started_run, writing

EVENTS, BATCHES, PER_LEASE = 3, 6, 2
OUTCOMES = {"delivered": delivered, "refused": lambda number, first, _: refused(number, first), "skipped": skipped}
RUNS = count()

steps = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 2), st.sampled_from(["take", "send", "finish", "release", "renew"])),
        st.tuples(st.integers(0, 2), st.sampled_from(sorted(OUTCOMES))),
        st.tuples(st.integers(0, 2), st.sampled_from(["run out", "resume", "reopen"])),
    ),
    max_size=40,
)


@dataclass
class Senders:
    """Three senders of a run, what they believe, and what the ledger accepted from them."""

    ledger: Ledger
    run_id: str
    leases: dict[int, Lease] = field(default_factory=dict)
    pending: dict[int, list[OpenBatch]] = field(default_factory=dict)
    """The batches that were open when a sender took its lease: one that lost it still believes so."""
    events: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    lost: int = 0

    def step(self, sender: int, what: str) -> None:
        """Has a sender do something, if it believes that it can."""
        lease = self.leases.get(sender)
        if what in {"run out", "resume", "reopen", "take"}:
            self._without_lease(sender, what)
        elif lease is not None:
            try:
                self._with_lease(sender, lease, what)
            except LeaseLost:
                self.lost += 1
                del self.leases[sender]

    def _without_lease(self, sender: int, what: str) -> None:
        if what == "run out":
            with writing(self.ledger) as connection:
                connection.execute(update(leases).where(leases.c.number == sender).values(until=0.0))
        elif what == "resume":
            self.ledger.runs.resume(self.run_id, holder=HOLDER, host="driver")
        elif what == "reopen":
            self.ledger.leases.reopen(self.run_id)
        elif lease := self.ledger.leases.take(self.run_id, f"host{sender}", 60.0):
            self.leases[sender] = lease
            self.pending[sender] = self.ledger.leases.batches(lease).open(self.run_id)

    def _with_lease(self, sender: int, lease: Lease, what: str) -> None:
        table = self.ledger.leases
        if what in {"finish", "release", "renew"}:
            table.renew(lease, 60.0) if what == "renew" else getattr(table, what)(lease)
            if what != "renew":
                del self.leases[sender]
        elif pending := self.pending[sender]:
            number = pending[0].record.number
            if what == "send":
                table.batches(lease).sending(self.run_id, number, holder=lease.holder)
            else:
                self._settle(sender, lease, what, number)

    def _settle(self, sender: int, lease: Lease, what: str, number: int) -> None:
        ((first, events), *_) = self.pending[sender][0].pending_ranges()
        events = 1 if what == "refused" else events
        part = OUTCOMES[what](number, first, events)
        self.ledger.leases.batches(lease).settled(self.run_id, part, request(number, first=first, events=events))
        self.events[what] += events
        self.requests += 1
        self.pending[sender] = self.ledger.leases.batches(lease).open(self.run_id)


@scaled(settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None), 100)
@given(steps)
def test_counts_are_those_of_what_was_accepted(ledger: Ledger, steps: list[tuple[int, str]]) -> None:
    run_id = f"run {next(RUNS)}"
    started_run(ledger, run_id, engine="cluster")
    ledger.runs.staged(run_id, staged_rows([EVENTS] * BATCHES), holder=HOLDER)
    ledger.leases.create(run_id, [(first, first + PER_LEASE) for first in range(0, BATCHES, PER_LEASE)])
    senders = Senders(ledger, run_id)
    for sender, what in [*((sender, "take") for sender in range(3)), *steps]:
        senders.step(sender, what)
    record = ledger.runs.get(run_id)
    events = senders.events
    assert (record.rows.delivered, record.rows.rejected, record.rows.skipped) == (
        events["delivered"], events["refused"], events["skipped"]
    )  # fmt: skip
    assert record.rows.balanced
    assert record.rows.pending == EVENTS * BATCHES - events.total()
    assert record.requests_sent == senders.requests == len(ledger.batches.requests(run_id))
    assert all(batch.pending_ranges() for batch in ledger.batches.open(run_id))


def test_threads_of_a_sender_share_transactions_and_add_up(url: str) -> None:
    with open_ledger(url, worker=True) as ledger:
        started_run(ledger, "run", engine="cluster")
        ledger.runs.staged("run", staged_rows([EVENTS] * 40), holder=HOLDER)
        ledger.leases.create("run", [(0, 40)])
        lease = ledger.leases.take("run", "here", 60.0)
        assert lease is not None
        batches = ledger.leases.batches(lease)

        def send(number: int) -> None:
            batches.sending("run", number, holder=lease.holder)
            batches.request("run", request(number, events=EVENTS))
            batches.settled("run", delivered(number, 0, 1), request(number, attempt=2, events=1))
            batches.settled("run", refused(number, 1), request(number))
            batches.settled("run", skipped(number, 2, 1))

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(send, range(40)))
        record = ledger.runs.get("run")
    assert (record.requests_sent, record.requests_retried) == (120, 40)
    assert (record.rejects, record.skips) == ({"refused_by_tiktok": 40}, {"already_delivered": 40})
    assert (record.rows.delivered, record.rows.pending) == (40, 0)
