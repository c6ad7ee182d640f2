"""What the ledger says of runs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from connector.core.outcomes import RunStatus
from connector.errors import ConnectorError
from connector.ledger.ledger import Ledger
from connector.ledger.run_records import Scope, StagedRows
from connector.ledger.tables import moments
from tests.ledger.runs import HOLDER, RUN, SCOPE, delivered, staged_run, started_run

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ELSEWHERE = (Scope("production", SCOPE.api_url), Scope(SCOPE.target, "https://elsewhere.example"))


def ends(ledger: Ledger, run_id: str, status: RunStatus, *, resumable: bool = True) -> None:
    ledger.runs.finish(run_id, status, resumable=resumable)


def test_a_run_is_found_as_it_began(ledger: Ledger) -> None:
    started_run(ledger, code="TEST1", started_at=NOW, row_limit=7, retry_of="before", retry_reason="invalid_amount")
    record = ledger.runs.get(RUN)
    assert (record.run_id, record.orchestration, record.workflow) == (RUN, "o", "manual")
    assert (record.target, record.api_url, record.test_event_code) == (*vars_of(SCOPE), "TEST1")
    assert (record.row_limit, record.retry_of, record.retry_reason) == (7, "before", "invalid_amount")
    assert (record.status, record.started_at, record.finished_at) == ("running", "2026-03-01T12:00:00.000+00:00", None)
    assert (record.staged, record.resumable, record.host, record.error) == (False, True, "here", None)
    assert record.rows.read == record.events_built == record.requests_sent == 0


def vars_of(scope: Scope) -> tuple[str, str]:
    return scope.target, scope.api_url


def test_a_run_that_is_not_there(ledger: Ledger) -> None:
    assert ledger.runs.find(RUN) is None
    with pytest.raises(ConnectorError, match=f"Run {RUN} is not in the ledger"):
        ledger.runs.get(RUN)


def test_what_staging_counted_is_kept(ledger: Ledger) -> None:
    started_run(ledger)
    counts: dict[str, Any] = {
        "rejects": {"missing_event": 3},
        "skips": {"duplicate": 2},
        "warnings": {"invalid_phone": 1},
    }
    ledger.runs.staged(RUN, StagedRows(5_000_000_000, batches=(), **counts), holder=HOLDER)
    record = ledger.runs.get(RUN)
    assert (record.staged, record.rows.read) == (True, 5_000_000_000)
    assert {"rejects": record.rejects, "skips": record.skips, "warnings": record.warnings} == counts
    assert (record.rows.rejected, record.rows.skipped) == (3, 2)


def test_more_batches_than_are_written_at_once(ledger: Ledger) -> None:
    staged_run(ledger, batches=[3] * 1_001)
    record = ledger.runs.get(RUN)
    assert (record.events_built, record.rows.pending) == (3_003, 3_003)
    assert [batch.record.number for batch in ledger.batches.open(RUN)] == list(range(1_001))


def test_the_counts_of_one_run_are_not_those_of_another(ledger: Ledger) -> None:
    staged_run(ledger, batches=[3, 4])
    staged_run(ledger, batches=[10], run_id="another")
    ledger.batches.settled("another", delivered(0, 0, 10, whole=True))
    assert ledger.runs.get(RUN).rows.delivered == 0
    assert ledger.runs.get("another").rows.delivered == 10


def test_the_seconds_of_all_times_that_a_run_went_on_are_added(ledger: Ledger) -> None:
    started_run(ledger)
    ledger.runs.finish(RUN, RunStatus.FAILED, seconds=1.5, error="The token is dead.")
    failed = ledger.runs.get(RUN)
    ledger.runs.resume(RUN, holder="another", host="elsewhere")
    resumed = ledger.runs.get(RUN)
    ledger.runs.finish(RUN, RunStatus.COMPLETED, seconds=2.25)
    completed = ledger.runs.get(RUN)
    assert (failed.status, failed.error, failed.finished_at is None) == ("failed", "The token is dead.", False)
    assert (resumed.status, resumed.error, resumed.finished_at, resumed.host) == ("running", None, None, "elsewhere")
    assert (completed.status, completed.error, completed.seconds) == ("completed", None, 3.75)


def test_the_seconds_of_a_process_that_was_killed_are_those_until_its_last_sign_of_life(ledger: Ledger) -> None:
    started_run(ledger)
    with ledger.database.writing() as connection:
        connection.execute(update(moments).values(at="2026-03-01T12:00:00.000+00:00"))
        steps = [("asked", "12:00:01.000"), ("staged", "12:00:06.500")]
        values = [{"run_id": RUN, "what": what, "at": f"2026-03-01T{at}+00:00"} for what, at in steps]
        connection.execute(insert(moments), values)
    killed = ledger.runs.get(RUN)
    ledger.runs.resume(RUN, holder="another", host="elsewhere")
    ledger.runs.finish(RUN, RunStatus.COMPLETED, seconds=2.25)
    assert (killed.status, killed.seconds, ledger.runs.get(RUN).seconds) == ("running", 6.5, 8.75)


def test_the_last_runs_come_latest_first(ledger: Ledger) -> None:
    for number, name in enumerate(("a", "b", "a", "b", "a")):
        started_run(ledger, f"run{number}", orchestration=name, started_at=NOW + timedelta(milliseconds=number))
    assert [run.run_id for run in ledger.runs.latest()] == ["run4", "run3", "run2", "run1", "run0"]
    assert [run.run_id for run in ledger.runs.latest(2)] == ["run4", "run3"]
    assert [run.run_id for run in ledger.runs.latest(2, "b")] == ["run3", "run1"]


@pytest.mark.parametrize(
    ("status", "resumable", "unfinished"),
    [
        (RunStatus.RUNNING, True, True),
        (RunStatus.INTERRUPTED, True, True),
        (RunStatus.FAILED, True, True),
        (RunStatus.FAILED, False, False),
        (RunStatus.COMPLETED, True, False),
        (RunStatus.COMPLETED_WITH_REJECTS, True, False),
    ],
)
def test_what_can_go_on_is_unfinished_and_what_cannot_has_ended(
    ledger: Ledger, status: RunStatus, resumable: bool, unfinished: bool
) -> None:
    started_run(ledger)
    ends(ledger, RUN, status, resumable=resumable)
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert [run.run_id for run in ledger.runs.unfinished()] == ([RUN] if unfinished else [])
    assert ledger.runs.ended_before(later) == ([] if unfinished else [RUN])
    assert ledger.runs.ended_before(later - timedelta(days=1)) == []


def test_unfinished_runs_come_oldest_first_and_only_those_that_are_asked_for(ledger: Ledger) -> None:
    started_run(ledger, "late", started_at=NOW)
    started_run(ledger, "early", started_at=NOW - timedelta(days=1))
    started_run(ledger, "other", orchestration="p", started_at=NOW)
    for number, scope in enumerate(ELSEWHERE):
        started_run(ledger, f"elsewhere{number}", scope=scope, started_at=NOW)
    assert [run.run_id for run in ledger.runs.unfinished("o", SCOPE)] == ["early", "late"]
    assert [run.run_id for run in ledger.runs.unfinished("p")] == ["other"]
    assert len(ledger.runs.unfinished()) == 5


def test_the_last_success_is_when_the_last_run_that_reached_its_end_began(ledger: Ledger) -> None:
    ended = [RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS, RunStatus.FAILED, RunStatus.INTERRUPTED]
    for number, status in enumerate(ended):
        started_run(ledger, f"run{number}", started_at=NOW + timedelta(hours=number))
        ends(ledger, f"run{number}", status)
    started_run(ledger, "running", started_at=NOW + timedelta(hours=9))
    assert ledger.runs.last_success("o", SCOPE) == NOW + timedelta(hours=1)


@pytest.mark.parametrize("tried", [{"code": "TEST1"}, {"row_limit": 5}], ids=["test events", "a limit"])
def test_a_run_of_test_events_or_of_the_first_rows_is_not_the_last_success(
    ledger: Ledger, tried: dict[str, Any]
) -> None:
    """A query that asks for what is new since then would pass over what was never sent."""
    started_run(ledger, started_at=NOW, **tried)
    ledger.runs.finish(RUN, RunStatus.COMPLETED)
    assert ledger.runs.last_success("o", SCOPE) is None


def test_a_retry_is_not_the_last_success(ledger: Ledger) -> None:
    """The next incremental query would leave out what came between the run and its retry."""
    started_run(ledger, started_at=NOW)
    started_run(ledger, "retry", started_at=NOW + timedelta(days=1), retry_of=RUN)
    for run_id in (RUN, "retry"):
        ends(ledger, run_id, RunStatus.COMPLETED)
    assert ledger.runs.last_success("o", SCOPE) == NOW


@pytest.mark.parametrize("scope", ELSEWHERE)
def test_what_succeeded_in_one_place_did_not_in_another(ledger: Ledger, scope: Scope) -> None:
    started_run(ledger)
    ends(ledger, RUN, RunStatus.COMPLETED)
    assert ledger.runs.last_success("o", scope) is None
    assert ledger.runs.last_success("p", SCOPE) is None


def test_going_on_makes_only_what_was_being_sent_uncertain(ledger: Ledger) -> None:
    staged_run(ledger, batches=[5, 5, 5])
    ledger.batches.sending(RUN, 1, holder=HOLDER, keys=None)
    staged_run(ledger, batches=[5], run_id="another")
    ledger.batches.sending("another", 0, holder=HOLDER, keys=None)
    ledger.batches.sending(RUN, 2, holder=HOLDER, keys=None)
    ledger.batches.reopen(RUN, 2, "pending")
    ledger.runs.resume(RUN, holder=HOLDER, host="here")
    assert [batch.uncertain for batch in ledger.batches.open(RUN)] == [False, True, False]
    ledger.batches.reopen("another", 0, "pending")
    assert [batch.uncertain for batch in ledger.batches.open("another")] == [False]
