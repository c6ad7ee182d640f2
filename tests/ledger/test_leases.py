"""Leases: who may send which batches, and what becomes of a sender that lost its lease."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from connector.errors import LeaseLost, LockedError
from connector.ledger.leases import Lease, Leases
from connector.ledger.ledger import Ledger
from connector.ledger.tables import leases, locks, runs
from tests.ledger.runs import (
    HOLDER,
    RUN,
    SCOPE,
    delivered,
    keys,
    refused,
    request,
    skipped,
    staged_rows,
    started_run,
    writing,
)

TERM = 60.0
BOUNDS = [(0, 2), (2, 4), (4, 5)]


@pytest.fixture
def run(ledger: Ledger) -> Ledger:
    """A run of an engine: five batches of four events, in three leases."""
    staged(ledger)
    return ledger


def staged(ledger: Ledger) -> None:
    """Adds that run."""
    started_run(ledger, engine="cluster", stage="s3://bucket/runs")
    ledger.runs.staged(RUN, staged_rows([4] * 5), holder=HOLDER)
    ledger.leases.create(RUN, BOUNDS, holder=HOLDER)


def taken(ledger: Ledger, host: str = "one") -> Lease:
    lease = ledger.leases.take(RUN, host, TERM)
    assert lease is not None
    return lease


def run_out(ledger: Ledger) -> None:
    """Ends all terms for the server, not for those who hold them."""
    with writing(ledger) as connection:
        connection.execute(update(leases).values(until=leases.c.until - 2 * TERM))


def states(ledger: Ledger) -> list[bool]:
    """For each open batch whether an answer was lost."""
    return [batch.uncertain for batch in ledger.batches.open(RUN)]


def test_each_lease_is_taken_once_in_order_and_again_when_its_term_has_run_out(run: Ledger) -> None:
    first = [taken(run) for _ in BOUNDS]
    assert [(lease.number, lease.first, lease.end, lease.epoch) for lease in first] == [
        (0, 0, 2, 1), (1, 2, 4, 1), (2, 4, 5, 1)
    ]  # fmt: skip
    assert run.leases.take(RUN, "two", TERM) is None
    run_out(run)
    again = taken(run, "two")
    assert (again.number, again.epoch) == (0, 2)
    assert again.holder != first[0].holder
    records = run.leases.all(RUN)
    assert [(one.host, one.is_held, one.epoch) for one in records] == [
        ("two", True, 2), ("one", False, 1), ("one", False, 1)
    ]  # fmt: skip


def test_a_lease_that_is_renewed_stays(run: Ledger) -> None:
    lease = taken(run)
    run_out(run)
    assert run.leases.renew(lease, TERM) is None
    assert taken(run).number == 1
    assert lease.is_valid()


def test_a_finished_lease_is_taken_by_nobody_and_a_released_one_by_the_next(run: Ledger) -> None:
    first, second = taken(run), taken(run)
    run.leases.finish(first)
    run.leases.release(second)
    assert [taken(run).number for _ in range(2)] == [1, 2]
    assert not run.leases.is_done(RUN)
    assert (first.is_valid(), second.is_valid()) == (False, False)


def test_events_that_were_delivered_are_counted(run: Ledger) -> None:
    batches = run.leases.batches(taken(run))
    batches.settled(RUN, delivered(0, 0, 3))
    batches.settled(RUN, refused(0, 3))
    batches.settled(RUN, skipped(1, 0, 4))
    assert run.leases.delivered(RUN) == 3


def test_a_run_is_done_when_all_leases_are(run: Ledger) -> None:
    for _ in BOUNDS:
        run.leases.finish(taken(run))
    assert run.leases.is_done(RUN)
    assert run.leases.take(RUN, "one", TERM) is None


def test_leases_with_open_batches_are_opened_again(run: Ledger) -> None:
    for number in range(3):
        lease = taken(run)
        batches = run.leases.batches(lease)
        for batch in batches.open(RUN)[number:]:
            batches.settled(RUN, delivered(batch.record.number, 0, 4, whole=True))
        run.leases.finish(lease)
    assert run.leases.reopen(RUN, holder=HOLDER) == 2
    assert [record.done for record in run.leases.all(RUN)] == [True, False, False]
    with pytest.raises(LockedError):
        run.leases.reopen(RUN, holder="another")


@pytest.mark.parametrize("do", [
    pytest.param(lambda ledger, lease: ledger.leases.renew(lease, TERM), id="renew"),
    pytest.param(lambda ledger, lease: ledger.leases.finish(lease), id="finish"),
    pytest.param(lambda ledger, lease: ledger.leases.release(lease), id="release"),
    pytest.param(lambda ledger, lease: sends(ledger, lease), id="sending"),
    pytest.param(lambda ledger, lease: ledger.leases.batches(lease).request(RUN, request(0)), id="request"),
    pytest.param(lambda ledger, lease: ledger.leases.batches(lease).settled(RUN, delivered(0, 0, 4)), id="settled"),
    pytest.param(lambda ledger, lease: ledger.leases.batches(lease).reopen(RUN, 0, "pending"), id="reopen"),
])  # fmt: skip
def test_a_lease_that_was_taken_over_changes_nothing(run: Ledger, do: Callable[[Ledger, Lease], Any]) -> None:
    lease = taken(run)
    run_out(run)
    taken(run, "two")
    before = run.runs.get(RUN), run.leases.all(RUN), run.batches.open(RUN), run.batches.requests(RUN)
    with pytest.raises(LeaseLost, match=f"Lease 0 of run {RUN} was taken over by another process, on two; this sender"):
        do(run, lease)
    assert (run.runs.get(RUN), run.leases.all(RUN), run.batches.open(RUN), run.batches.requests(RUN)) == before


def sends(ledger: Ledger, lease: Lease, number: int | None = None) -> None:
    ledger.leases.batches(lease).sending(RUN, lease.first if number is None else number, holder=lease.holder)


def test_a_lease_that_is_gone_is_lost(run: Ledger) -> None:
    lease = taken(run)
    with writing(run) as connection:
        connection.execute(leases.delete())
    with pytest.raises(LeaseLost, match="taken over by another process; this sender stops"):
        sends(run, lease)


def test_a_sender_starts_no_request_once_its_term_has_run_out_by_its_own_clock(run: Ledger) -> None:
    now = [100.0]
    lease = Leases(run.database, lambda: now[0]).take(RUN, "one", TERM)
    assert lease is not None
    sends(run, lease)
    now[0] += TERM
    assert not lease.is_valid()
    with pytest.raises(LeaseLost, match=f"The term of lease 0 of run {RUN} has run out"):
        sends(run, lease, 1)
    assert states(run) == [True, False, False, False, False]
    run.leases.renew(lease, TERM)
    sends(run, lease, 1)


def test_a_term_counts_from_before_the_ledger_was_asked(run: Ledger) -> None:
    """So it ends here before it does for others, however long the answer takes."""
    ticks: Iterator[float] = iter([100.0, 200.0, 300.0])
    lease = Leases(run.database, lambda: next(ticks)).take(RUN, "one", TERM)
    assert lease is not None
    assert lease.valid_until == 100.0 + TERM
    Leases(run.database, lambda: next(ticks)).renew(lease, TERM)
    assert lease.valid_until == 200.0 + TERM


def test_taking_a_lease_loses_the_answers_of_its_own_batches_only(run: Ledger) -> None:
    first, second = taken(run), taken(run)
    for lease in (first, second):
        sends(run, lease)
    with writing(run) as connection:
        connection.execute(update(leases).where(leases.c.number == 0).values(until=0.0))
    again = taken(run)
    assert again.number == 0
    assert [batch.uncertain for batch in run.leases.batches(again).open(RUN)] == [True, False]
    with run.database.reading() as connection:
        found = connection.exec_driver_sql("SELECT state FROM batches ORDER BY number").scalars().all()
    assert found == ["unknown", "pending", "sending", "pending", "pending"]


def test_a_new_driver_takes_the_leases_away_of_which_senders_are_left(run: Ledger) -> None:
    """It may skip some of their events, so they must not go on."""
    first, second = taken(run), taken(run)
    for lease in (first, second):
        sends(run, lease)
    run.leases.halt(RUN, "stop")
    with writing(run) as connection:
        connection.execute(update(leases).where(leases.c.number == 1).values(until=0.0))
    run.runs.resume(RUN, holder="driver", host="there")
    with run.database.reading() as connection:
        found = connection.exec_driver_sql("SELECT state FROM batches ORDER BY number").scalars().all()
    assert found == ["unknown", "pending", "unknown", "pending", "pending"]
    assert run.leases.halted(RUN) is None
    with pytest.raises(LeaseLost):
        run.leases.batches(first).settled(RUN, delivered(0, 0, 4, whole=True), request(0, events=4))
    with pytest.raises(LeaseLost):
        run.leases.renew(first, TERM)
    with pytest.raises(LockedError, match=f"Run {RUN} was taken over by another process, on there; this one stops."):
        run.leases.take(RUN, "one", TERM, driver=HOLDER)
    again = run.leases.take(RUN, "two", TERM, driver="driver")
    assert again is not None
    assert (again.number, again.epoch) == (0, 3)


def test_whoever_takes_over_the_lock_of_an_orchestration_stops_the_senders_of_its_runs(
    ledger: Ledger, tmp_path: Path
) -> None:
    dead = ledger.lock(tmp_path / "here", "o", SCOPE.target)
    dead._take()
    for run_id, holder in ((RUN, dead.holder), ("another", HOLDER)):
        started_run(ledger, run_id, engine="cluster")
        with writing(ledger) as connection:
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(holder=holder))
        ledger.leases.create(run_id, BOUNDS)
    mine, others = taken(ledger), ledger.leases.take("another", "one", TERM)
    assert others is not None
    with writing(ledger) as connection:
        connection.execute(update(locks).values(alive_at=0.0))
    with ledger.lock(tmp_path / "there", "o", SCOPE.target):
        with pytest.raises(LeaseLost):
            sends(ledger, mine)
        with pytest.raises(LockedError):
            ledger.leases.take(RUN, "one", TERM, driver=dead.holder)
        ledger.leases.renew(others, TERM)


def test_a_halted_run_tells_those_who_renew_and_gives_no_lease(run: Ledger) -> None:
    lease = taken(run)
    run.leases.halt(RUN, "The token was revoked.")
    run.leases.halt(RUN, "Something that followed from it.")
    assert run.leases.renew(lease, TERM) == run.leases.halted(RUN) == "The token was revoked."
    assert run.leases.take(RUN, "two", TERM) is None
    with pytest.raises(LockedError):
        run.leases.halt(RUN, None, holder="another")
    run.leases.halt(RUN, None, holder=HOLDER)
    assert run.leases.renew(lease, TERM) is None
    assert taken(run).number == 1


def test_counts_are_on_the_lease_and_the_run_has_their_sum(run: Ledger) -> None:
    first, second = taken(run, "a"), taken(run, "b")
    one, two = run.leases.batches(first), run.leases.batches(second)
    one.sending(RUN, 0, holder=first.holder, keys=keys(range(4)))
    one.request(RUN, request(0, events=4))
    one.settled(RUN, delivered(0, 0, 3), request(0, attempt=2, events=3))
    one.settled(RUN, refused(0, 3))
    two.sending(RUN, 2, holder=second.holder, keys=keys(range(4)))
    two.settled(RUN, refused(2, 0), request(2))
    two.settled(RUN, skipped(2, 1, 3))
    records = run.leases.all(RUN)
    assert [(one.requests_sent, one.requests_retried, one.rejects, one.skips) for one in records] == [
        (2, 1, {"refused_by_tiktok": 1}, {}),
        (1, 0, {"refused_by_tiktok": 1}, {"already_delivered": 3}),
        (0, 0, {}, {}),
    ]
    record = run.runs.get(RUN)
    assert (record.engine, record.stage) == ("cluster", "s3://bucket/runs")
    assert (record.requests_sent, record.requests_retried) == (3, 1)
    assert (record.rejects, record.skips) == ({"refused_by_tiktok": 2}, {"already_delivered": 3})
    assert (record.rows.delivered, record.rows.pending, record.rows.balanced) == (3, 12, True)
    assert run.runs.sizes_until(record, 1)[0].rejected == 2
    if run.database.is_shared:
        (total,) = run.totals.of_runs(record.target)
        assert (total.requests_sent, total.requests_retried, total.rejected, total.skipped) == (3, 1, 2, 3)


def test_a_machine_is_told_what_it_did(run: Ledger) -> None:
    plan = run.splits.plan(RUN, "read", [{"file": 0}, {"file": 1}, {"file": 2}])
    for number, (host, rows) in enumerate([("a", 12), ("b", 6), ("b", 2)]):
        result: dict[str, Any] = {"rows": rows, "seconds": 0.5, "summary": {}}
        assert run.splits.commit(RUN, "read", number, plan=plan, attempt="x", host=host, **result)
    lease = taken(run, "c")
    batches = run.leases.batches(lease)
    batches.sending(RUN, 1, holder=lease.holder)
    batches.settled(RUN, delivered(1, 0, 4, whole=True))
    held = run.leases.nodes(RUN)[2].send_seconds
    run.leases.finish(lease)
    a, b, c = run.leases.nodes(RUN)
    assert [(one.host, one.splits, one.rows_read, one.read_seconds) for one in (a, b, c)] == [
        ("a", 1, 12, 0.5), ("b", 2, 8, 1.0), ("c", 0, 0, 0.0)
    ]  # fmt: skip
    assert (c.batches, c.rows_sent, a.batches) == (1, 4, 0)
    assert 0 < held <= c.send_seconds < TERM
    assert c.as_json()["sent"] == {"batches": 1, "rows": 4, "seconds": round(c.send_seconds, 3)}


def test_the_first_attempt_at_a_split_counts(run: Ledger) -> None:
    plan = run.splits.plan(RUN, "read", [{"rows": [0, 5]}, {"rows": [5, 9]}], holder=HOLDER)
    result: dict[str, Any] = {"host": "h", "rows": 4, "seconds": 1.5, "summary": {"events": 3}}
    outcomes = [run.splits.commit(RUN, "read", 1, plan=plan, attempt=name, **result) for name in ("first", "second")]
    assert outcomes == [True, False]
    first, second = run.splits.all(RUN, "read")
    assert (first.number, first.place, first.attempt, first.rows) == (0, {"rows": [0, 5]}, None, None)
    assert (second.attempt, second.host, second.rows, second.summary) == ("first", "h", 4, {"events": 3})
    assert run.splits.all(RUN, "merge") == []


def test_an_attempt_of_an_earlier_plan_does_not_count(run: Ledger) -> None:
    old = run.splits.plan(RUN, "read", [{}])
    new = run.splits.plan(RUN, "read", [{}])
    result: dict[str, Any] = {"attempt": "x", "host": "h", "rows": 4, "seconds": 1.5, "summary": {}}
    assert [run.splits.commit(RUN, "read", 0, plan=plan, **result) for plan in (old, new)] == [False, True]
    with pytest.raises(LockedError):
        run.splits.plan(RUN, "read", [{}], holder="another")
    run.splits.remove(RUN)
    assert run.splits.all(RUN, "read") == []
