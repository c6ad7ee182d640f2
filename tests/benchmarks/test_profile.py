"""What the benchmarks' profile holds on to in the product is there, and its sums are right."""

import time
from collections.abc import Iterator

import pytest

from benchmarks.one_run import FIRST_ROWS, STAGED, STARTED
from benchmarks.profile import CALLS, LIBRARIES, STEPS, Account, calls
from benchmarks.seams import place

SEAMS = [seam for seams in (*calls().values(), *STEPS.values()) for seam in seams]


@pytest.mark.parametrize("seam", [*SEAMS, STARTED, STAGED, FIRST_ROWS])
def test_every_seam_is_there(seam: str) -> None:
    owner, name = place(seam)
    assert callable(getattr(owner, name))


def test_a_seam_that_is_not_there_is_named() -> None:
    with pytest.raises(AttributeError, match="no_such_function"):
        place("connector.transform.stream:no_such_function")


def test_no_seam_counts_for_two_parts() -> None:
    assert len(SEAMS) == len(set(SEAMS))
    assert CALLS.keys() & calls().keys() == CALLS.keys()


def test_a_part_within_another_counts_for_itself_alone() -> None:
    account = Account()
    before = time.thread_time()
    with account.part("outer"):
        inner = account.calls("inner")(lambda: _busy(0.05))
        inner()
        _busy(0.02)
    spent = time.thread_time() - before
    parts = account.parts(spent)
    assert parts["inner"] >= 0.05
    assert 0.02 <= parts["outer"] < 0.05
    assert sum(parts.values()) == pytest.approx(spent)
    assert parts[LIBRARIES] == pytest.approx(spent - parts["inner"] - parts["outer"])


def test_what_a_generator_does_between_its_steps_counts_and_what_its_reader_does_not() -> None:
    account = Account()

    def numbers() -> Iterator[int]:
        for number in range(3):
            _busy(0.01)
            yield number

    with account.part("reader"):
        for _ in account.steps("numbers")(numbers)():
            _busy(0.02)
    parts = account.parts(0.0)
    assert 0.03 <= parts["numbers"] < 0.06
    assert parts["reader"] >= 0.06


def _busy(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
