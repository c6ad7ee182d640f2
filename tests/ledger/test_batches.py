"""What the ledger remembers of batches whose answers were lost, and of those that were cut."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from connector.errors import LockedError, ResumableError
from connector.ledger.batch_records import BatchSlice, OpenBatch
from connector.ledger.ledger import Ledger
from connector.ledger.tables import batch_keys, batches
from tests.ledger.runs import (
    HOLDER,
    RUN,
    delivered,
    keys,
    numbers,
    refused,
    request,
    skipped,
    staged_rows,
    staged_run,
)


@pytest.fixture(autouse=True)
def run_of_100_events(ledger: Ledger) -> None:
    """A staged run of one batch of 100 events."""
    staged_run(ledger, batches=[100])


def only(ledger: Ledger) -> OpenBatch:
    (batch,) = ledger.batches.open(RUN)
    return batch


def goes_through(ledger: Ledger, *states: str) -> None:
    for state in states:
        if state == "sending":
            ledger.batches.sending(RUN, 0, holder=HOLDER, keys=None)
        else:
            ledger.batches.reopen(RUN, 0, state)


def deliver(ledger: Ledger, first: int, events: int) -> None:
    ledger.batches.settled(RUN, delivered(0, first, events, whole=events == 100))


def test_a_batch_that_was_never_sent_is_certain(ledger: Ledger) -> None:
    assert (only(ledger).uncertain, only(ledger).pending_ranges()) == (False, [(0, 100)])
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
    assert only(ledger).pending_ranges() == [(0, 25), (50, 25), (85, 15)]


def test_parts_that_are_settled_in_any_order_leave_the_same_gaps(ledger: Ledger) -> None:
    for part in (refused(0, 85), delivered(0, 25, 25), skipped(0, 60, 5)):
        ledger.batches.settled(RUN, part)
    batch = only(ledger)
    for order in itertools.permutations(batch.settled):
        assert replace(batch, settled=order).pending_ranges() == [(0, 25), (50, 10), (65, 20), (86, 14)]
    assert [part.first_event for _, left_out in ledger.batches.excluded(RUN) for part in left_out] == [60, 85]


def test_a_batch_is_settled_once_all_its_parts_are(ledger: Ledger) -> None:
    deliver(ledger, 0, 60)
    deliver(ledger, 60, 40)
    assert ledger.batches.open(RUN) == []
    record = ledger.runs.get(RUN)
    assert (record.rows.delivered, record.rows.pending, record.rows.balanced) == (100, 0, True)


def test_parts_that_are_left_out_are_counted_with_their_reasons(ledger: Ledger) -> None:
    deliver(ledger, 0, 97)
    ledger.batches.settled(RUN, refused(0, 97))
    ledger.batches.settled(RUN, skipped(0, 98, 2))
    record = ledger.runs.get(RUN)
    assert (record.rejects, record.skips) == ({"refused_by_tiktok": 1}, {"already_delivered": 2})
    assert (record.rows.delivered, record.rows.pending, record.rows.balanced) == (97, 0, True)
    ((batch, parts),) = ledger.batches.excluded(RUN)
    assert batch.events == 100
    assert [(part.first_event, part.events, part.code, part.message) for part in parts] == [
        (97, 1, 40002, "Invalid value."),
        (98, 2, None, None),
    ]


def state(ledger: Ledger) -> str:
    with ledger.database.reading() as connection:
        return str(connection.execute(select(batches.c.state)).scalar_one())


@pytest.mark.parametrize(
    ("parts", "final"),
    [
        ([delivered(0, 0, 100, whole=True)], "delivered"),
        ([delivered(0, 0, 99), refused(0, 99)], "delivered"),
        ([refused(0, 0), delivered(0, 1, 99)], "delivered"),
        ([skipped(0, 0, 100)], "skipped"),
        ([skipped(0, 0, 99), refused(0, 99)], "refused"),
    ],
)
def test_the_state_of_a_batch_is_that_of_its_parts_and_delivered_outranks(
    ledger: Ledger, parts: list[BatchSlice], final: str
) -> None:
    goes_through(ledger, "sending")
    for part in parts[:-1]:
        ledger.batches.settled(RUN, part)
        assert state(ledger) == "sending"
    ledger.batches.settled(RUN, parts[-1])
    assert state(ledger) == final


def test_the_answer_that_settles_a_batch_is_written_with_it(ledger: Ledger) -> None:
    ledger.batches.settled(RUN, delivered(0, 0, 100, whole=True), request(0, attempt=2, events=100))
    (written,) = ledger.batches.requests(RUN)
    assert written == request(0, attempt=2, events=100)
    record = ledger.runs.get(RUN)
    assert (record.requests_sent, record.requests_retried) == (1, 1)


def test_requests_come_in_the_order_of_their_answers(ledger: Ledger) -> None:
    asked = [request(0, attempt=1), request(0, attempt=2, first=50), request(0, attempt=1, first=10)]
    for one in asked:
        ledger.batches.request(RUN, one)
    assert ledger.batches.requests(RUN) == asked
    record = ledger.runs.get(RUN)
    assert (record.requests_sent, record.requests_retried) == (3, 1)


def test_the_keys_of_a_batch_are_those_of_its_first_request(ledger: Ledger) -> None:
    for of in (range(100), range(50)):
        ledger.batches.sending(RUN, 0, holder=HOLDER, keys=keys(of))
    with ledger.database.reading() as connection:
        (kept,) = connection.execute(select(batch_keys.c.event_keys)).scalars()
    assert numbers(kept) == list(range(100))


def test_no_keys_are_kept_for_a_process_that_may_not_send(ledger: Ledger) -> None:
    with pytest.raises(LockedError):
        ledger.batches.sending(RUN, 0, holder="another", keys=keys(range(100)))
    with ledger.database.reading() as connection:
        assert connection.execute(select(batch_keys)).all() == []


def test_what_is_settled_twice_is_an_error_and_counts_once(ledger: Ledger) -> None:
    """Counting it again would let a run end before all of it was sent."""
    deliver(ledger, 0, 10)
    with pytest.raises(ResumableError):
        deliver(ledger, 0, 10)
    assert ledger.runs.get(RUN).rows.delivered == 10


def test_open_batches_come_in_order_and_without_those_that_are_settled(ledger: Ledger) -> None:
    staged_run(ledger, batches=[5] * 12, run_id="another")
    ledger.batches.settled("another", delivered(3, 0, 5, whole=True))
    open_ = ledger.batches.open("another")
    assert [batch.record.number for batch in open_] == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]


def test_staging_again_begins_with_nothing_settled(ledger: Ledger) -> None:
    """A run that died while it was being staged is read again under the same id."""
    deliver(ledger, 0, 10)
    ledger.runs.staged(RUN, staged_rows([30, 20]), holder=HOLDER)
    assert [batch.pending_ranges() for batch in ledger.batches.open(RUN)] == [[(0, 30)], [(0, 20)]]
