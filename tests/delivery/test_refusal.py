import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from connector.delivery.answer import Answer
from connector.delivery.batch import Batch, BatchState
from connector.errors import ResumableError
from tests.delivery.world import ACCEPTED, BUSY, REFUSED, REVOKED, MemoryLedger, Run, batch, names


class Picky:
    """Refuses every request that holds a poisoned event, as TikTok does."""

    def __init__(self) -> None:
        self.requests = 0

    def __call__(self, sent: Batch) -> Answer:
        self.requests += 1
        bad = [index for index, name in enumerate(names(sent)) if name.startswith("bad")]
        if not bad:
            return ACCEPTED
        return replace(REFUSED, message=f"Invalid value for data.{bad[0]}.event_id: not a valid string.")


def until(holds: Callable[[], bool]) -> bool:
    """Wait until something holds, ten seconds at most."""
    end = time.monotonic() + 10
    while not holds() and time.monotonic() < end:
        time.sleep(0.001)
    return holds()


def poisoned(size: int, *positions: int) -> list[str]:
    return [f"bad{n}" if n in positions else f"good{n}" for n in range(size)]


@pytest.mark.parametrize("size", [2, 3, 7, 8, 9, 100, 1000])
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_the_one_bad_event_is_found_and_all_others_go_through(size: int, place: str) -> None:
    position = {"first": 0, "middle": size // 2, "last": size - 1}[place]
    ledger = Run(Picky())(batch(0, poisoned(size, position)))
    assert ledger.events(BatchState.REFUSED) == [f"bad{position}"]
    assert len(ledger.events(BatchState.DELIVERED)) == size - 1


def test_the_outcomes_cover_each_event_once() -> None:
    chance = random.Random(7)
    for _ in range(30):
        size = chance.randint(2, 60)
        bad = chance.sample(range(size), chance.randint(1, max(1, size // 3)))
        ledger = MemoryLedger()
        Run(Picky(), ledger=ledger)(batch(9, ["good"]), batch(0, poisoned(size, *bad)))
        covered = sorted(
            part.offset + step for part, _, _ in ledger.outcomes if part.number == 0 for step in range(part.events)
        )
        assert covered == list(range(size))
        assert ledger.events(BatchState.REFUSED) == sorted(f"bad{n}" for n in bad)


def test_a_bad_event_costs_few_requests() -> None:
    service = Picky()
    Run(service)(batch(0, ["good"]), batch(1, poisoned(1000, 500)))
    assert service.requests <= 2 + 2 * 10


def test_a_refused_event_is_reported_with_its_own_answer() -> None:
    ledger = Run(Picky())(batch(0, ["good"]), batch(1, poisoned(100, 42)))
    [(part, answer)] = [(part, answer) for part, state, answer in ledger.outcomes if state is BatchState.REFUSED]
    assert (part.number, part.offset, part.events) == (1, 42, 1)
    assert answer and answer.message == "Invalid value for data.0.event_id: not a valid string."


def test_when_everything_is_refused_alike_the_run_stops_soon_and_says_what_to_check() -> None:
    service, ledger = Picky(), MemoryLedger()
    batches = [batch(n, poisoned(1000, *range(1000))) for n in range(50)]
    with pytest.raises(ResumableError, match=r"event source id \(offline 7654321098765432109\)") as caught:
        Run(service, ledger=ledger)(*batches)
    assert "advertiser id" in str(caught.value)
    assert "event name" in str(caught.value)
    assert service.requests == 9
    assert set(ledger.states().values()) == {BatchState.PENDING}
    assert ledger.outcomes[0][0] == batches[0]


def test_the_single_events_that_are_tried_are_spread_evenly_over_the_batch() -> None:
    tried: list[int] = []

    def attempt(sent: Batch) -> Answer:
        tried.append(sent.offset)
        return REFUSED

    with pytest.raises(ResumableError):
        Run(attempt)(batch(0, poisoned(1000, *range(1000))))
    assert tried == [0, 0, 125, 250, 375, 500, 625, 750, 875]


def test_threads_that_are_refused_at_once_do_not_all_try_single_events() -> None:
    service, ledger = Picky(), MemoryLedger()
    with pytest.raises(ResumableError):
        Run(service, max_in_flight=8, ledger=ledger)(*(batch(n, poisoned(100, *range(100))) for n in range(50)))
    assert service.requests <= 8 + 8
    assert set(ledger.states().values()) == {BatchState.PENDING}


def test_many_bad_events_do_not_stop_a_run_in_which_some_are_good() -> None:
    bad = [n for n in range(1000) if n % 3]
    ledger = Run(Picky())(batch(0, poisoned(1000, *bad)))
    assert len(ledger.events(BatchState.REFUSED)) == len(bad)
    assert len(ledger.events(BatchState.DELIVERED)) == 1000 - len(bad)


def test_events_refused_for_different_reasons_do_not_stop_the_run() -> None:
    def attempt(sent: Batch) -> Answer:
        return replace(REFUSED, message=f"bad {'x' * (len(names(sent)[0]) % 5)}")

    mixed = [f"bad{'y' * n}" for n in range(16)]
    ledger = Run(attempt)(batch(0, mixed))
    assert len(ledger.events(BatchState.REFUSED)) == 16


def test_a_handful_of_events_are_refused_one_by_one() -> None:
    ledger = Run(Picky())(batch(0, poisoned(5, *range(5))))
    assert len(ledger.events(BatchState.REFUSED)) == 5


def test_parts_are_retried_like_whole_batches() -> None:
    picky, calls = Picky(), 0

    def flaky(sent: Batch) -> Answer:
        nonlocal calls
        calls += 1
        return BUSY if calls % 2 else picky(sent)

    ledger = Run(flaky)(batch(0, ["good"]), batch(1, poisoned(50, 10)))
    assert ledger.events(BatchState.REFUSED) == ["bad10"]


def test_a_run_that_stops_while_halving_leaves_the_other_parts_pending() -> None:
    picky = Picky()

    def attempt(sent: Batch) -> Answer:
        return REVOKED if picky.requests >= 4 else picky(sent)

    ledger = MemoryLedger()
    with pytest.raises(ResumableError, match="revoked"):
        Run(attempt, ledger=ledger)(batch(0, ["good"]), batch(1, poisoned(100, 0)))
    kept = ledger.events(BatchState.PENDING) + ledger.events(BatchState.DELIVERED)
    assert len(kept) == 101
    assert not ledger.events(BatchState.REFUSED)


def test_events_refused_alike_while_another_batch_is_accepted_do_not_stop_the_run() -> None:
    """The other batch is accepted after the first single event was tried and before the last is answered."""
    ledger, probing = MemoryLedger(), threading.Event()

    def attempt(sent: Batch) -> Answer:
        if sent.number == 1:
            assert probing.wait(10)
            return ACCEPTED
        if sent.events == 1:
            probing.set()
            assert until(lambda: 1 in ledger.states())
        return REFUSED

    Run(attempt, max_in_flight=2, ledger=ledger)(batch(0, poisoned(20, *range(20))), batch(1))
    assert len(ledger.events(BatchState.REFUSED)) == 20
    assert ledger.events(BatchState.DELIVERED) == ["good"]


@pytest.mark.parametrize("since", [0, 1])
def test_events_refused_alike_do_not_stop_the_run_if_another_sender_had_one_accepted(since: int) -> None:
    """Before this one sends anything, or while it tries single events."""
    singles: list[Batch] = []

    def attempt(sent: Batch) -> Answer:
        if sent.events == 1:
            singles.append(sent)
        return REFUSED

    ledger = Run(attempt, others=lambda: int(len(singles) >= since))(batch(0, poisoned(20, *range(20))))
    assert len(ledger.events(BatchState.REFUSED)) == 20
