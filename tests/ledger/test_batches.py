"""What the ledger remembers of batches whose answers were lost, and of those that were cut."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.ledger.ledger import Ledger, open_ledger
from connector.ledger.records import BatchRecord, NewRun, OpenBatch
from connector.route import Route

RUN = "20260101T000000-abcdef"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with a staged run of one batch of 100 events."""
    opened = open_ledger(f"sqlite:///{tmp_path / 'state' / 'ledger.sqlite'}")
    opened.start_run(NewRun(RUN, "o", "local", "manual", "d", "simulator", None, datetime.now(UTC)))
    batch = BatchRecord(0, Route("offline", "1"), "events.arrow", 0, events=100, rows=100)
    opened.staged(RUN, read=100, rejects={}, skips={}, warnings={}, staged=[batch])
    yield opened
    opened.close()


def only(ledger: Ledger) -> OpenBatch:
    (batch,) = ledger.open_batches(RUN)
    return batch


def deliver(ledger: Ledger, first: int | None, events: int) -> None:
    ledger.batch_result(RUN, 0, "delivered", refused=False, events=events, rows=events, first_event=first, request=None)


def test_a_batch_that_was_never_sent_is_certain(ledger: Ledger) -> None:
    assert (only(ledger).uncertain, only(ledger).gaps()) == (False, [(0, 100)])


def test_a_lost_answer_is_not_forgotten_over_a_later_certain_one(ledger: Ledger) -> None:
    for state in ("sending", "unknown", "sending", "pending"):
        ledger.batch_state(RUN, 0, state)
    assert only(ledger).uncertain


def test_what_was_being_sent_when_a_run_ended_stays_uncertain(ledger: Ledger) -> None:
    ledger.batch_state(RUN, 0, "sending")
    ledger.resume_run(RUN)
    for state in ("sending", "pending"):
        ledger.batch_state(RUN, 0, state)
    assert only(ledger).uncertain


def test_a_batch_that_was_certainly_not_taken_is_certain(ledger: Ledger) -> None:
    for state in ("sending", "pending"):
        ledger.batch_state(RUN, 0, state)
    assert not only(ledger).uncertain


def test_of_a_cut_batch_the_gaps_are_left(ledger: Ledger) -> None:
    deliver(ledger, 25, 25)
    deliver(ledger, 75, 10)
    assert only(ledger).gaps() == [(0, 25), (50, 25), (85, 15)]


def test_a_batch_is_settled_once_all_its_parts_are(ledger: Ledger) -> None:
    deliver(ledger, 0, 60)
    deliver(ledger, 60, 40)
    assert ledger.open_batches(RUN) == []
    record = ledger.run(RUN)
    assert record is not None
    assert (record.rows.delivered, record.rows.pending, record.rows.balanced) == (100, 0, True)
