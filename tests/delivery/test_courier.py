import threading
from dataclasses import dataclass, field, replace

import pytest

from connector.delivery.admission import LONGEST_SLEEP
from connector.delivery.answer import Answer, Verdict
from connector.delivery.batch import Batch, BatchState
from connector.delivery.batch_sender import Attempt, BatchOutcome, BatchSender
from connector.delivery.concurrency import InFlight
from connector.delivery.delivery_state import DeliveryState
from connector.delivery.retry_policy import RetryPolicy, Timing
from tests.delivery.world import ACCEPTED, BUSY, LOST, THROTTLED, Clock, CountingLimiter, MemoryLedger, batch, script


@dataclass
class Office:
    """One courier, and all it works with."""

    clock: Clock = field(default_factory=Clock)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.limiter = CountingLimiter(1000, self.clock)
        self.in_flight = InFlight(1, self.clock)
        self.timing = self.clock.timing

    def send(self, attempt: Attempt) -> BatchOutcome:
        policy, state = RetryPolicy(max_seconds=60), DeliveryState(self.stop)
        courier = BatchSender(attempt, policy, self.limiter, self.in_flight, MemoryLedger(), state, self.timing)
        return courier.send(batch())


class CrowdedOffice(Office):
    """Its only place is taken. After a thousand seconds it becomes free, or the user stops."""

    def __init__(self, *, stops: bool) -> None:
        super().__init__()
        office = self

        class Crowded(InFlight):
            def wait(self, seconds: float) -> None:
                assert 0 < seconds <= LONGEST_SLEEP
                office.clock.sleep(1000)
                if stops:
                    office.stop.set()
                else:
                    self.leave()
                super().wait(seconds)

        self.in_flight = Crowded(1, self.clock)
        self.in_flight.enter()


@pytest.mark.parametrize("answer", [BUSY, LOST, THROTTLED])
def test_every_attempt_has_a_place_and_gives_it_back(answer: Answer) -> None:
    office, answers, seen = Office(), script(answer, answer, ACCEPTED), []

    def attempt(sent: Batch) -> Answer:
        seen.append(office.in_flight.enter())
        return answers(sent)

    assert office.send(attempt).state is BatchState.DELIVERED
    assert seen == [False] * 3
    assert office.in_flight.enter()


def test_an_attempt_that_raises_gives_its_place_back() -> None:
    def fault(_: Batch) -> Answer:
        raise LookupError

    office = Office()
    with pytest.raises(LookupError):
        office.send(fault)
    assert office.in_flight.enter()


def test_the_users_stop_ends_the_wait_for_a_place() -> None:
    office = CrowdedOffice(stops=True)
    assert office.send(script()) == BatchOutcome(BatchState.PENDING, None)


def test_who_has_no_place_uses_up_nothing_of_the_rate_limit() -> None:
    office = CrowdedOffice(stops=True)
    office.send(script())
    assert office.limiter.places == 0


def test_time_spent_waiting_for_a_place_is_not_the_batchs_own() -> None:
    office = CrowdedOffice(stops=False)
    assert office.send(script(BUSY, ACCEPTED)).state is BatchState.DELIVERED
    assert office.clock.now > 1000


def test_who_waits_for_the_rate_limit_keeps_no_place_from_others() -> None:
    office, free = Office(), []

    def sleep(seconds: float) -> None:
        free.append(office.in_flight.enter())
        office.in_flight.leave()
        office.clock.sleep(seconds)

    office.timing = Timing(office.clock, sleep)
    office.limiter.throttled(300)
    assert office.send(script(ACCEPTED)).state is BatchState.DELIVERED
    assert len(free) >= 300
    assert all(free)


def test_the_others_know_of_an_answer_before_its_place_is_free() -> None:
    """Else a request would leave although the service has just asked for quiet."""
    office, known = Office(), []

    class Watched(InFlight):
        def leave(self, verdict: Verdict | None = None) -> None:
            known.append(office.limiter.take() > 200)
            super().leave(verdict)

    office.in_flight = Watched(1, office.clock)
    throttled = replace(THROTTLED, wait=300.0)

    def attempt(_: Batch) -> Answer:
        office.stop.set()
        return throttled

    office.send(attempt)
    assert known == [True]


def test_what_is_to_be_sent_again_at_once_costs_neither_time_nor_an_attempt() -> None:
    office = Office()
    again = Answer(Verdict.RETRY_NOW, 401, 40102, "Again")
    fate = office.send(script(*[again] * 20, ACCEPTED))
    assert (fate.state, office.limiter.places) == (BatchState.DELIVERED, 21)
    assert office.clock.now <= 21 / 1000
