"""Many who write to one ledger at once: none fails, none waits for ever, nothing is lost or counted twice."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from connector.ledger.ledger import Ledger, open_ledger
from tests.ledger.old import FINISHED, INTERRUPTED, version_1
from tests.ledger.processes import COUNT, Processes, process_id
from tests.ledger.runs import HOLDER, RUN, delivered, keys, refused, request, staged_run, started_run

BATCHES, EVENTS, THREADS = 24, 4, 4


def sends(ledger: Ledger, number: int) -> None:
    """A batch is tried twice; its last event is refused."""
    ledger.batches.sending(RUN, number, holder=HOLDER, keys=keys(range(EVENTS)))
    ledger.batches.reopen(RUN, number, "unknown")
    ledger.batches.sending(RUN, number, holder=HOLDER, keys=None)
    ledger.batches.settled(RUN, delivered(number, 0, EVENTS - 1), request(number, attempt=2, events=EVENTS - 1))
    ledger.batches.settled(RUN, refused(number, EVENTS - 1), request(number))


def sends_its_share(url: str, process: int) -> None:
    """Every fourth batch, in two threads."""
    with open_ledger(url) as ledger, ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda number: sends(ledger, number), range(process, BATCHES, COUNT)))


def all_is_counted_once(ledger: Ledger) -> None:
    record = ledger.runs.get(RUN)
    assert (record.rows.delivered, record.rows.rejected, record.rows.pending) == ((EVENTS - 1) * BATCHES, BATCHES, 0)
    assert record.rejects == {"refused_by_tiktok": BATCHES}
    assert (record.requests_sent, record.requests_retried) == (2 * BATCHES, BATCHES)
    asked = Counter(one.batch for one in ledger.batches.requests(RUN))
    assert asked == dict.fromkeys(range(BATCHES), 2)


def test_several_threads(ledger: Ledger) -> None:
    staged_run(ledger, batches=[EVENTS] * BATCHES)
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda number: sends(ledger, number), range(BATCHES)))
    all_is_counted_once(ledger)


def test_several_processes(ledger: Ledger, url: str, processes: Processes) -> None:
    staged_run(ledger, batches=[EVENTS] * BATCHES)
    processes.all_at_once(sends_its_share, url)
    all_is_counted_once(ledger)


def test_the_processes_are_several(processes: Processes) -> None:
    assert len(set(processes.all_at_once(process_id))) == COUNT


def begins_a_run(url: str, process: int) -> None:
    with open_ledger(url) as ledger:
        started_run(ledger, f"process{process}")


@pytest.mark.parametrize("old", [False, True], ids=["a new ledger", "an old ledger"])
@pytest.mark.parametrize("time", range(3))
def test_several_processes_open_a_ledger_that_is_not_up_to_date(
    url: str, processes: Processes, old: bool, time: int
) -> None:
    if old:
        version_1(url)
    processes.all_at_once(begins_a_run, url)
    with open_ledger(url) as ledger:
        found = {run.run_id for run in ledger.runs.latest()}
    assert found == {f"process{number}" for number in range(COUNT)} | ({FINISHED, INTERRUPTED} if old else set())
