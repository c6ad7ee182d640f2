"""Which events count as delivered, and which may have been."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from connector.ledger.batch_records import BatchSlice, KeyPeriods
from connector.ledger.database import as_text
from connector.ledger.ledger import Ledger
from connector.ledger.run_records import Scope
from connector.ledger.tables import batch_keys, batches
from tests.ledger.runs import (
    HOLDER,
    RUN,
    SCOPE,
    delivered,
    keys,
    numbers,
    refused,
    skipped,
    staged_run,
    writing,
)

NOW = datetime.now(UTC)
DAYS, HOURS = timedelta(days=1), timedelta(hours=1)
SINCE = KeyPeriods(NOW - 28 * DAYS, NOW - 47 * HOURS)


def sent(
    ledger: Ledger,
    events: Sequence[int],
    *parts: BatchSlice,
    run_id: str = RUN,
    number: int = 0,
    ago: timedelta = timedelta(0),
) -> None:
    """A batch of these events left so long ago, and of its parts was heard at the same time."""
    ledger.batches.sending(run_id, number, holder=HOLDER, keys=keys(events))
    for part in parts:
        ledger.batches.settled(run_id, part)
    moment = as_text(NOW - ago)
    with writing(ledger) as connection:
        the_batch = (batches.c.run_id == run_id) & (batches.c.number == number)
        connection.execute(update(batches).where(the_batch).values(sent_at=moment))
        connection.execute(
            update(batches).where(the_batch, batches.c.settled_at.is_not(None)).values(settled_at=moment)
        )


def a_batch(ledger: Ledger, events: Sequence[int], *parts: BatchSlice, ago: timedelta = timedelta(0)) -> None:
    """A run of one batch that was sent."""
    staged_run(ledger, batches=[len(events)])
    sent(ledger, events, *parts, ago=ago)


def known(
    ledger: Ledger, scope: Scope = SCOPE, since: KeyPeriods = SINCE, but: str | None = None
) -> tuple[list[int], list[int]]:
    """The numbers of the keys that were delivered, and of those whose answers are lost, in order."""
    found: dict[bool, list[int]] = {False: [], True: []}
    for some in ledger.delivered.sent(scope, since, excluding=but):
        found[some.answer_lost] += numbers(some.keys)
    return sorted(found[False]), sorted(found[True])


def test_nothing_is_known_of_an_empty_ledger(ledger: Ledger) -> None:
    assert known(ledger) == ([], [])


def test_a_batch_that_was_delivered_whole_counts(ledger: Ledger) -> None:
    a_batch(ledger, [7, 8, 9], delivered(0, 0, 3, whole=True))
    assert known(ledger) == ([7, 8, 9], [])


def test_a_batch_of_which_nothing_was_sent_does_not_count(ledger: Ledger) -> None:
    staged_run(ledger, batches=[3])
    assert known(ledger) == ([], [])


def test_of_a_cut_batch_what_was_delivered_counts_and_nothing_else(ledger: Ledger) -> None:
    parts = delivered(0, 0, 2), refused(0, 2), delivered(0, 3, 1), skipped(0, 4, 2), delivered(0, 8, 2)
    a_batch(ledger, range(10), *parts)
    assert known(ledger) == ([0, 1, 3, 8, 9], [])


def test_what_was_refused_does_not_count(ledger: Ledger) -> None:
    a_batch(ledger, [1], refused(0, 0))
    assert known(ledger) == ([], [])


def test_what_another_run_delivered_counts_by_that_run_alone(ledger: Ledger) -> None:
    a_batch(ledger, [1, 2], skipped(0, 0, 2))
    assert known(ledger) == ([], [])


@pytest.mark.parametrize(
    "scope", [Scope("production", SCOPE.api_url), Scope(SCOPE.target, "https://elsewhere.example")]
)
def test_what_was_delivered_in_one_place_does_not_count_in_another(ledger: Ledger, scope: Scope) -> None:
    a_batch(ledger, [1], delivered(0, 0, 1, whole=True))
    assert known(ledger, scope) == ([], [])


def test_test_events_count_nowhere(ledger: Ledger) -> None:
    staged_run(ledger, batches=[1], code="TEST1")
    ledger.batches.sending(RUN, 0, holder=HOLDER, keys=None)
    ledger.batches.settled(RUN, delivered(0, 0, 1, whole=True))
    assert known(ledger) == ([], [])


def test_what_was_delivered_long_ago_does_not_count(ledger: Ledger) -> None:
    a_batch(ledger, [1], delivered(0, 0, 1, whole=True), ago=29 * DAYS)
    assert known(ledger) == ([], [])
    assert known(ledger, since=KeyPeriods(NOW - 30 * DAYS, None)) == ([1], [])


def test_an_answer_that_was_lost_lately_does_not_count(ledger: Ledger) -> None:
    """TikTok would take the event once, were it sent again."""
    a_batch(ledger, [1, 2], ago=46 * HOURS)
    ledger.batches.reopen(RUN, 0, "unknown")
    assert known(ledger) == ([], [])


@pytest.mark.parametrize("state", ["sending", "unknown"])
def test_an_answer_that_was_lost_long_ago_counts_as_lost(ledger: Ledger, state: str) -> None:
    """A process that died while it sent leaves `sending`."""
    a_batch(ledger, [1, 2], ago=48 * HOURS)
    ledger.batches.reopen(RUN, 0, state)
    assert known(ledger) == ([], [1, 2])
    assert known(ledger, since=KeyPeriods(SINCE.delivered_since, None)) == ([], [])


def test_what_was_certainly_not_taken_is_not_lost(ledger: Ledger) -> None:
    a_batch(ledger, [1, 2], ago=48 * HOURS)
    ledger.batches.reopen(RUN, 0, "pending")
    assert known(ledger) == ([], [])


def test_of_a_cut_batch_only_what_is_open_is_lost(ledger: Ledger) -> None:
    a_batch(ledger, range(10), delivered(0, 2, 2), refused(0, 5), skipped(0, 8, 1), ago=48 * HOURS)
    ledger.batches.reopen(RUN, 0, "unknown")
    assert known(ledger) == ([2, 3], [0, 1, 4, 6, 7, 9])


def test_a_lost_batch_is_lost_also_where_what_was_delivered_of_it_is_too_old(ledger: Ledger) -> None:
    a_batch(ledger, range(4), delivered(0, 0, 2), ago=29 * DAYS)
    ledger.batches.reopen(RUN, 0, "unknown")
    found = known(ledger)
    assert set(found[1]) == {2, 3}
    assert set(found[0]) <= {0, 1}


def test_what_a_run_itself_delivered_is_left_out(ledger: Ledger) -> None:
    a_batch(ledger, [1], delivered(0, 0, 1, whole=True))
    staged_run(ledger, batches=[1], run_id="another")
    sent(ledger, [2], delivered(0, 0, 1, whole=True), run_id="another")
    assert known(ledger) == ([1, 2], [])
    assert known(ledger, but=RUN) == ([2], [])
    assert known(ledger, but="another") == ([1], [])


@pytest.mark.parametrize("count", [1_000, 2_500])
def test_more_batches_than_are_read_at_once(ledger: Ledger, count: int) -> None:
    """The keys are written side by side: each batch on its own would take a second."""
    staged_run(ledger, batches=[2] * count)
    done = {"state": "delivered", "delivered_events": 2, "delivered_rows": 2, "settled_at": as_text(NOW)}
    with writing(ledger) as connection:
        connection.execute(update(batches).values(done))
        connection.execute(batch_keys.insert(), [of_a_batch(number) for number in range(count)])
    cut = range(499, count, 500)
    for number in cut:
        cut_in_two(ledger, number)
    whole = {2 * number + half for number in range(count) for half in (0, 1)}
    lost = [2 * number + 1 for number in cut]
    assert known(ledger) == (sorted(whole.difference(lost)), lost)


def of_a_batch(number: int) -> dict[str, object]:
    both = keys([2 * number, 2 * number + 1])
    kept = {"event_keys": both.keys, "persons": b"", "keep_until": as_text(both.keep_until)}
    return {"run_id": RUN, "number": number, **kept}


def cut_in_two(ledger: Ledger, number: int) -> None:
    """Its first event was delivered, the answer to its second one is lost."""
    lost = {"delivered_events": 0, "delivered_rows": 0, "state": "unknown"}
    with writing(ledger) as connection:
        connection.execute(update(batches).where(batches.c.number == number).values(lost))
    ledger.batches.settled(RUN, delivered(number, 0, 1))
    long_ago = {"sent_at": as_text(NOW - 3 * DAYS)}
    with writing(ledger) as connection:
        connection.execute(update(batches).where(batches.c.number == number).values(long_ago))


def test_keys_are_forgotten_once_nobody_needs_them(ledger: Ledger) -> None:
    staged_run(ledger, batches=[1, 1])
    for number, days in ((0, -0.001), (1, 0.001)):
        ledger.batches.sending(RUN, number, holder=HOLDER, keys=keys([number], days=days))
        ledger.batches.settled(RUN, delivered(number, 0, 1, whole=True))
    assert known(ledger) == ([0, 1], [])
    ledger.delivered.prune()
    assert known(ledger) == ([1], [])
    with ledger.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(batches)).scalar_one() == 2
