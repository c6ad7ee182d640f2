import gc
import threading
import weakref
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from connector.delivery.answer import Answer, Verdict
from connector.delivery.batch import Batch, BatchState
from connector.delivery.limiter import AdaptiveLimiter
from connector.delivery.retry_policy import RetryPolicy
from connector.delivery.sender import READ_AHEAD
from connector.errors import ResumableError
from tests.delivery.world import (
    ACCEPTED,
    BUSY,
    LOST,
    REFUSED,
    REVOKED,
    THROTTLED,
    Clock,
    CountingLimiter,
    MemoryLedger,
    Run,
    batch,
    script,
)


def test_batches_are_delivered_in_the_order_they_come() -> None:
    ledger = Run(lambda _: ACCEPTED)(*map(batch, range(5)))
    assert ledger.log == [step for n in range(5) for step in (("sending", n), ("accepted", n))]
    assert ledger.states() == dict.fromkeys(range(5), BatchState.DELIVERED)


def test_sending_is_recorded_before_the_request_leaves_and_the_answer_after() -> None:
    ledger = MemoryLedger()

    def attempt(sent: Batch) -> Answer:
        assert ledger.log[-1] == ("sending", sent.number)
        return ACCEPTED

    Run(attempt, ledger=ledger)(batch(0), batch(1))
    assert len(ledger.log) == 4


@pytest.mark.parametrize("answer", [BUSY, LOST, THROTTLED])
def test_every_attempt_asks_the_limiter(answer: Answer) -> None:
    clock = Clock()
    limiter = CountingLimiter(1000, clock)
    ledger = Run(script(answer, answer, answer, ACCEPTED), clock=clock, limiter=limiter)(batch())
    assert limiter.places == 4
    assert ledger.attempts == [1, 2, 3, 4]


def test_retries_keep_below_the_set_rate() -> None:
    clock, moments = Clock(), []

    def attempt(_: Batch) -> Answer:
        moments.append(clock.now)
        return BUSY if len(moments) % 3 else ACCEPTED

    Run(attempt, policy=RetryPolicy(first_wait=0.0), clock=clock, limiter=AdaptiveLimiter(2, clock))(
        *map(batch, range(10))
    )
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert min(gaps) >= 0.5 - 1e-9


def test_a_batch_is_sent_again_unchanged_until_it_is_taken() -> None:
    sent = []

    def attempt(this: Batch) -> Answer:
        sent.append(this)
        return LOST if len(sent) < 3 else ACCEPTED

    only = batch()
    ledger = Run(attempt)(only)
    assert all(each is only for each in sent)
    assert ledger.states() == {0: BatchState.DELIVERED}


def test_a_throttled_batch_outlives_its_attempts() -> None:
    answers = [THROTTLED] * 40 + [ACCEPTED]
    ledger = Run(script(*answers), policy=RetryPolicy(max_attempts=2))(batch())
    assert ledger.states() == {0: BatchState.DELIVERED}


def test_a_window_that_the_service_names_is_waited_for() -> None:
    clock = Clock()
    Run(script(replace(THROTTLED, wait=300.0), ACCEPTED), clock=clock)(batch())
    assert clock.now >= 300


def test_exhausted_retries_leave_the_batch_pending_and_stop_the_run() -> None:
    ledger = MemoryLedger()
    with pytest.raises(ResumableError, match="System error"):
        Run(lambda _: BUSY, policy=RetryPolicy(max_attempts=3), ledger=ledger)(*map(batch, range(9)))
    assert ledger.attempts == [1, 2, 3]
    assert BatchState.PENDING in ledger.states().values()
    assert set(ledger.states().values()) == {BatchState.PENDING}


def test_a_batch_whose_answers_are_all_lost_is_unknown() -> None:
    ledger = MemoryLedger()
    with pytest.raises(ResumableError, match="No answer"):
        Run(lambda _: LOST, policy=RetryPolicy(max_attempts=3), ledger=ledger)(batch())
    assert ledger.states() == {0: BatchState.UNKNOWN}


def test_one_lost_answer_outweighs_later_failures() -> None:
    ledger = MemoryLedger()
    with pytest.raises(ResumableError):
        Run(script(LOST, BUSY, BUSY), policy=RetryPolicy(max_attempts=3), ledger=ledger)(batch())
    assert ledger.states() == {0: BatchState.UNKNOWN}


def test_the_run_goes_on_when_only_one_batch_gets_no_answer() -> None:
    """As long as others are taken meanwhile, the service is there."""
    started, others_done = threading.Event(), threading.Event()

    def attempt(sent: Batch) -> Answer:
        if sent.number == 0:
            started.set()
            others_done.wait(10)
            return LOST
        started.wait(10)
        if sent.number == 3:
            others_done.set()
        return ACCEPTED

    ledger = Run(attempt, policy=RetryPolicy(max_attempts=2), max_in_flight=2)(*map(batch, range(4)))
    assert ledger.states() == {0: BatchState.UNKNOWN} | dict.fromkeys((1, 2, 3), BatchState.DELIVERED)


@pytest.mark.parametrize(("others", "goes_on"), [((5, 6), True), ((5, 5), False)])
def test_what_another_sender_gets_through_meanwhile_counts_too(others: tuple[int, ...], goes_on: bool) -> None:
    """No answer to the first batch arrives twice."""
    ledger, counts = MemoryLedger(), iter(others)
    run = Run(script(LOST, LOST, ACCEPTED), RetryPolicy(max_attempts=2), ledger=ledger, others=lambda: next(counts, 6))
    if goes_on:
        run(batch(0), batch(1))
        assert ledger.states() == {0: BatchState.UNKNOWN, 1: BatchState.DELIVERED}
    else:
        with pytest.raises(ResumableError, match="No answer"):
            run(batch(0), batch(1))


@pytest.mark.parametrize("verdict", [Verdict.STOP, Verdict.EXPIRED_TOKEN])
def test_an_answer_that_holds_for_every_batch_stops_the_run_at_once(verdict: Verdict) -> None:
    ledger = MemoryLedger()
    with pytest.raises(ResumableError, match=r"^The access token was revoked\.$"):
        Run(lambda _: replace(REVOKED, verdict=verdict), ledger=ledger)(*map(batch, range(1000)))
    assert ledger.log.count(("sending", 0)) == 1
    assert len(ledger.log) == 2
    assert set(ledger.states().values()) == {BatchState.PENDING}


def test_requests_in_flight_are_awaited_when_the_run_stops() -> None:
    in_flight, stopping = threading.Event(), threading.Event()

    def attempt(sent: Batch) -> Answer:
        if sent.number == 0:
            in_flight.set()
            stopping.wait(10)
            return ACCEPTED
        in_flight.wait(10)
        stopping.set()
        return REVOKED

    ledger = MemoryLedger()
    with pytest.raises(ResumableError):
        Run(attempt, max_in_flight=2, ledger=ledger)(batch(0), batch(1))
    assert ledger.states() == {0: BatchState.DELIVERED, 1: BatchState.PENDING}


def test_the_users_stop_takes_no_further_batch_and_returns() -> None:
    stop = threading.Event()

    def attempt(sent: Batch) -> Answer:
        if sent.number == 3:
            stop.set()
        return ACCEPTED

    ledger = Run(attempt, stop=stop)(*map(batch, range(100)))
    delivered = [number for number, state in ledger.states().items() if state is BatchState.DELIVERED]
    assert delivered == [0, 1, 2, 3]
    assert len(ledger.states()) <= 4 + 1 + READ_AHEAD


def test_the_users_stop_ends_a_long_wait() -> None:
    stop = threading.Event()

    def attempt(_: Batch) -> Answer:
        stop.set()
        return replace(THROTTLED, wait=300.0)

    run = Run(attempt, stop=stop)
    assert run(batch()).states() == {0: BatchState.PENDING}
    assert run.clock.now < 1


def test_never_more_requests_in_flight_than_allowed_and_as_many_when_possible() -> None:
    lock, now, most = threading.Lock(), 0, 0
    full = threading.Barrier(5, timeout=10)

    def attempt(_: Batch) -> Answer:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        full.wait()
        with lock:
            now -= 1
        return ACCEPTED

    Run(attempt, max_in_flight=5)(*map(batch, range(50)))
    assert most == 5


def test_fewer_requests_are_in_flight_once_the_service_throttles() -> None:
    lock, now, most, answered = threading.Lock(), 0, 0, 0
    full = threading.Barrier(8, timeout=10)

    def attempt(_: Batch) -> Answer:
        nonlocal now, most, answered
        with lock:
            now += 1
            most = max(most, now) if answered else 0
        if not answered:
            full.wait()
        with lock:
            now -= 1
            answered += 1
        return THROTTLED if answered < 100 else ACCEPTED

    Run(attempt, max_in_flight=8)(*map(batch, range(8)))
    assert 1 <= most <= 4


def test_as_many_as_ever_are_in_flight_once_the_service_is_well_again() -> None:
    answers = iter([THROTTLED, BUSY, BUSY, LOST] * 10)
    full = threading.Barrier(4, timeout=10)

    def attempt(sent: Batch) -> Answer:
        if sent.number >= 100:
            full.wait()
            return ACCEPTED
        return next(answers, ACCEPTED)

    policy = RetryPolicy(max_attempts=100)
    ledger = Run(attempt, max_in_flight=4, policy=policy)(*map(batch, range(104)))
    assert set(ledger.states().values()) == {BatchState.DELIVERED}


def test_the_number_of_batches_alive_is_constant() -> None:
    alive: weakref.WeakSet[memoryview] = weakref.WeakSet()
    most = 0

    def batches() -> Iterator[Batch]:
        nonlocal most
        for number in range(300):
            payload = memoryview(b'{"n":%d}' % number)
            alive.add(payload)
            yield Batch(number, batch().route, 1, 1, payload)
            del payload
            most = max(most, len(alive))

    class Forgetful(MemoryLedger):
        def outcome(self, batch: Batch, state: BatchState, answer: Answer | None) -> None:
            pass

    Run(lambda _: ACCEPTED, max_in_flight=4, ledger=Forgetful()).over(batches())
    gc.collect()
    assert most <= 4 + READ_AHEAD
    assert len(alive) == 0


def test_a_single_refused_event_is_refused_and_the_run_goes_on() -> None:
    ledger = Run(script(REFUSED, ACCEPTED))(batch(0), batch(1))
    assert ledger.states() == {0: BatchState.REFUSED, 1: BatchState.DELIVERED}
    assert ledger.outcomes[0][2] == REFUSED


@pytest.mark.parametrize("where", ["batches", "record", "attempt"])
def test_a_fault_of_ours_is_not_swallowed(where: str) -> None:
    def fault(*_: object) -> Answer:
        raise LookupError(where)

    def broken() -> Iterator[Batch]:
        yield batch()
        fault()

    class BrokenLedger(MemoryLedger):
        def outcome(self, batch: Batch, state: BatchState, answer: Answer | None) -> None:
            fault()

    run = Run(
        fault if where == "attempt" else lambda _: ACCEPTED,
        ledger=BrokenLedger() if where == "record" else MemoryLedger(),
    )
    with pytest.raises(LookupError, match=where):
        run.over(broken() if where == "batches" else map(batch, range(100)))
