"""What the ledger remembers of batches whose answers were lost, and of those that were cut."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.errors import LockedError
from connector.ledger.ledger import Ledger, open_ledger
from connector.ledger.records import OpenBatch, Part
from tests.ledger.runs import HOLDER, RUN, staged_run


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger with a staged run of one batch of 100 events."""
    with open_ledger(f"sqlite:///{tmp_path / 'state' / 'ledger.sqlite'}") as opened:
        staged_run(opened, batches=[100])
        yield opened


def only(ledger: Ledger) -> OpenBatch:
    (batch,) = ledger.batches.open(RUN)
    return batch


def goes_through(ledger: Ledger, *states: str) -> None:
    for state in states:
        if state == "sending":
            ledger.batches.sending(RUN, 0, holder=HOLDER, keys=None)
        else:
            ledger.batches.not_settled(RUN, 0, state)


def deliver(ledger: Ledger, first: int, events: int) -> None:
    ledger.batches.settled(RUN, Part(0, first, events, events, "delivered", whole=events == 100))


def test_a_batch_that_was_never_sent_is_certain(ledger: Ledger) -> None:
    assert (only(ledger).uncertain, only(ledger).gaps()) == (False, [(0, 100)])
    assert only(ledger).sent_at is None


def test_a_lost_answer_is_not_forgotten_over_a_later_certain_one(ledger: Ledger) -> None:
    goes_through(ledger, "sending", "unknown", "sending", "pending")
    assert only(ledger).uncertain


def test_what_was_being_sent_when_a_run_ended_stays_uncertain(ledger: Ledger) -> None:
    goes_through(ledger, "sending")
    ledger.runs.resume(RUN, holder=HOLDER, host="here")
    goes_through(ledger, "sending", "pending")
    assert only(ledger).uncertain


def test_a_batch_that_was_certainly_not_taken_is_certain(ledger: Ledger) -> None:
    goes_through(ledger, "sending", "pending")
    assert not only(ledger).uncertain


def test_the_first_request_is_what_counts_for_48_hours(ledger: Ledger) -> None:
    goes_through(ledger, "sending")
    first = only(ledger).sent_at
    goes_through(ledger, "unknown", "sending")
    assert first is not None
    assert only(ledger).sent_at == first
    assert abs((datetime.now(UTC) - first).total_seconds()) < 60


def test_nothing_leaves_from_a_process_whose_run_another_has_taken_over(ledger: Ledger) -> None:
    ledger.runs.resume(RUN, holder="another", host="elsewhere")
    with pytest.raises(LockedError, match="elsewhere"):
        goes_through(ledger, "sending")
    assert only(ledger).sent_at is None


def test_of_a_cut_batch_the_gaps_are_left(ledger: Ledger) -> None:
    deliver(ledger, 25, 25)
    deliver(ledger, 75, 10)
    assert only(ledger).gaps() == [(0, 25), (50, 25), (85, 15)]


def test_a_batch_is_settled_once_all_its_parts_are(ledger: Ledger) -> None:
    deliver(ledger, 0, 60)
    deliver(ledger, 60, 40)
    assert ledger.batches.open(RUN) == []
    record = ledger.runs.get(RUN)
    assert (record.rows.delivered, record.rows.pending, record.rows.balanced) == (100, 0, True)


def test_parts_that_are_left_out_are_counted_with_their_reasons(ledger: Ledger) -> None:
    deliver(ledger, 0, 97)
    refused = Part(0, 97, 1, 1, "refused", "refused_by_tiktok", 40002, "Invalid value.")
    skipped = Part(0, 98, 2, 2, "skipped", "already_delivered")
    ledger.batches.settled(RUN, refused)
    ledger.batches.settled(RUN, skipped)
    record = ledger.runs.get(RUN)
    assert (record.rejects, record.skips) == ({"refused_by_tiktok": 1}, {"already_delivered": 2})
    assert (record.rows.delivered, record.rows.pending, record.rows.balanced) == (97, 0, True)
    ((batch, parts),) = ledger.batches.left_out(RUN)
    assert batch.events == 100
    assert [(part.first_event, part.events, part.code, part.message) for part in parts] == [
        (97, 1, 40002, "Invalid value."),
        (98, 2, None, None),
    ]
