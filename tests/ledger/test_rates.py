"""The rate that all machines share, on a real server."""

import threading
import time
from collections.abc import Iterator
from functools import partial
from itertools import chain

import psycopg
import pytest

from connector.delivery.shared_limiter import SharedLimiter
from connector.ledger.ledger import Ledger, open_ledger
from tests.ledger.processes import COUNT, Processes
from tests.postgres import Postgres

RATE = 150
SECONDS = 4
THREADS = 6
ATTEMPTS = 3
"""A machine that is busy with other things may use less of the rate, but never more."""


@pytest.fixture
def shared(postgres: Postgres) -> Iterator[tuple[str, Ledger]]:
    """A new ledger on PostgreSQL, and its URL."""
    url = postgres.new_database()
    with open_ledger(url) as ledger:
        yield url, ledger


def admissions(url: str, key: str, _: int) -> list[float]:
    """The moments at which one process admits requests, if it always wants to; the clock is that of the machine."""
    moment, admitted = threading.local(), list[float]()

    def clock() -> float:
        moment.last = time.monotonic()
        return float(moment.last)

    with open_ledger(url, worker=True) as ledger:
        limiter = SharedLimiter(
            RATE, partial(ledger.rates.take, key), partial(ledger.rates.push_back, key), most_at_once=6, clock=clock
        )
        end = time.monotonic() + SECONDS

        def send() -> None:
            while time.monotonic() < end:
                if wait := limiter.take():
                    time.sleep(min(wait, 0.2))
                else:
                    admitted.append(moment.last)

        threads = [threading.Thread(target=send) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return admitted


ENOUGH = 0.85
"""The share of the rate that is used at least, with other tests on the same cores; alone, it is 0.98."""


def opens(url: str, _: int) -> None:
    """Loads what a process needs before it is measured."""
    open_ledger(url, worker=True).close()


def deadlocks(url: str) -> int:
    with psycopg.connect(url) as connection:
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])


def most_in_a_second(moments: list[float]) -> int:
    first = most = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] >= 1:
            first += 1
        most = max(most, last - first + 1)
    return most


def used(moments: list[list[float]]) -> float:
    """The share of the rate that was used while all processes sent."""
    begin, end = max(own[0] for own in moments) + 0.3, min(own[-1] for own in moments) - 0.3
    return sum(begin <= moment < end for own in moments for moment in own) / (end - begin) / RATE


def test_processes_together_keep_to_the_rate_and_use_it(shared: tuple[str, Ledger], processes: Processes) -> None:
    assert COUNT == 4
    processes.all_at_once(opens, shared[0])
    shares = []
    for attempt in range(ATTEMPTS):
        moments = processes.all_at_once(admissions, shared[0], f"key {attempt}")
        assert most_in_a_second(sorted(chain.from_iterable(moments))) <= RATE
        shares.append(used(moments))
        if shares[-1] >= ENOUGH:
            break
    assert max(shares) >= ENOUGH
    assert deadlocks(shared[0]) == 0


def test_places_follow_each_other_and_late_ones_are_lost(shared: tuple[str, Ledger]) -> None:
    rates = shared[1].rates
    starts = [rates.take("k", 10, 1.0) for _ in range(3)]
    assert [places for places, _ in starts] == [10, 10, 10]
    assert [start for _, start in starts] == [pytest.approx(number, abs=0.2) for number in range(3)]
    assert rates.take("another", 1_000, 0.1) == (100, 0.0)
    time.sleep(0.15)
    assert rates.take("another", 1_000, 0.001) == (1, 0.0)


def test_a_low_rate_gives_one_place_at_a_time(shared: tuple[str, Ledger]) -> None:
    starts = [shared[1].rates.take("k", 0.5) for _ in range(2)]
    assert [places for places, _ in starts] == [1, 1]
    assert starts[1][1] == pytest.approx(2, abs=0.2)


def test_a_pause_counts_for_all_and_never_shortens_a_longer_one(shared: tuple[str, Ledger]) -> None:
    rates = shared[1].rates
    rates.push_back("k", 30)
    rates.push_back("k", 10)
    assert rates.take("k", 10)[1] == pytest.approx(30, abs=0.5)
    assert rates.take("another", 10)[1] == 0.0
