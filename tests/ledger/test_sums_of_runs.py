"""What the ledger counts over runs and requests, in both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from connector.core.outcomes import RunStatus
from connector.ledger.ledger import Ledger
from connector.ledger.run_records import StagedRows
from connector.ledger.tables import requests
from tests.ledger.runs import HOLDER, RUN, SCOPE, delivered, request, staged_rows, staged_run, started_run, writing


def test_runs_are_summed_by_orchestration_status_and_target(ledger: Ledger) -> None:
    for number, orchestration in enumerate(("o", "o", "p")):
        started_run(ledger, f"run{number}", orchestration=orchestration)
    started_run(ledger, "elsewhere", scope=replace(SCOPE, target="other"))
    counted = StagedRows(7, {"invalid_email": 2, "missing_timestamp": 1}, {"duplicate": 2}, {}, [])
    ledger.runs.staged("run0", counted, holder=HOLDER)
    ledger.runs.staged("elsewhere", counted, holder=HOLDER)
    found = {one.orchestration: one for one in ledger.totals.of_runs(SCOPE.target)}
    assert (found["o"].runs, found["o"].rejected, found["o"].skipped) == (2, 3, 2)
    assert (found["p"].runs, found["p"].rejected, found["p"].skipped) == (1, 0, 0)
    assert {(one.requests_sent, one.requests_retried, one.seconds) for one in found.values()} == {(0, 0, 0.0)}


def test_rows_are_summed_over_the_batches_of_their_own_runs(ledger: Ledger) -> None:
    staged_run(ledger, batches=[3, 4])
    started_run(ledger, "second", orchestration="p")
    ledger.runs.staged("second", staged_rows([10]), holder=HOLDER)
    ledger.batches.settled(RUN, delivered(0, 0, 3, whole=True))
    found = {one.orchestration: (one.delivered, one.pending) for one in ledger.totals.of_rows(SCOPE.target)}
    assert found == {"o": (3, 4), "p": (0, 10)}
    assert ledger.totals.of_rows("other") == []


def test_percentiles_are_those_of_the_run(ledger: Ledger) -> None:
    staged_run(ledger, batches=[20])
    for number in range(1, 21):
        ledger.batches.request(RUN, replace(request(0, attempt=number), seconds=float(number)))
    summary = ledger.requests.summary(RUN)
    assert (summary.median, summary.ninety_five, summary.retried) == (11.0, 20.0, 19)
    assert [one.seconds for one in summary.slowest][:2] == [20.0, 19.0]


def test_the_time_of_sending_is_divided_into_intervals_with_their_events_and_answers(ledger: Ledger) -> None:
    staged_run(ledger, batches=[20])
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)
    answers = [(0, "accepted", 3), (10, "throttled", 4), (11, "accepted", 2), (25, "retry", 4), (40, "accepted", 5)]
    for number, (_, verdict, events) in enumerate(answers):
        sent = request(0, attempt=number + 1, events=events)
        ledger.batches.request(RUN, replace(sent, verdict=verdict, seconds=float(number)))
    with writing(ledger) as connection:
        for number, (second, _, _) in enumerate(answers):
            moment = (start + timedelta(seconds=second)).isoformat(timespec="milliseconds")
            row = update(requests).where(requests.c.seconds == float(number))
            connection.execute(row.values(answered_at=moment))
    steps = ledger.requests.summary(RUN).steps
    assert [(step.at - start.timestamp(), step.seconds) for step in steps] == [(n * 8.0, 8.0) for n in range(5)]
    counted = [(step.events, step.answers, step.throttled, step.others) for step in steps]
    assert counted == [(3, 1, 0, 0), (2, 2, 1, 0), (0, 0, 0, 0), (0, 1, 0, 1), (5, 1, 0, 0)]


def test_the_last_answer_is_that_of_the_run_itself(ledger: Ledger) -> None:
    staged_run(ledger, batches=[1])
    started_run(ledger, "second", orchestration="p")
    ledger.batches.request(RUN, request(0))
    assert [one.what for one in ledger.timeline.of(RUN)][-1] == "last_answer"
    assert "last_answer" not in [one.what for one in ledger.timeline.of("second")]


def test_several_runs_since_a_moment_may_have_reached_their_end(ledger: Ledger) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    for run_id in ("first", "second"):
        started_run(ledger, run_id)
        assert ledger.schedules.has_ended(SCOPE.target, "o", since) is (run_id == "second")
        ledger.runs.finish(run_id, RunStatus.FAILED, error="It failed.", resumable=False)
    assert ledger.schedules.has_ended(SCOPE.target, "o", since)
    assert not ledger.schedules.has_ended(SCOPE.target, "p", since)
    assert not ledger.schedules.has_ended(SCOPE.target, "o", since + timedelta(minutes=2))
