"""What pages read of the ledger: few statements, one transaction, and the same in both databases."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, update

from connector.core.outcomes import RunStatus
from connector.ledger.audit import Use
from connector.ledger.batch_records import BatchSlice
from connector.ledger.ledger import Ledger
from connector.ledger.orchestrations import ScheduleRecord
from connector.ledger.tables import launches, notices, pauses, progress, run_reports, runs
from connector.ledger.views.activity import AuditFilter, list_audit, run_activity
from connector.ledger.views.frame import count_frame
from connector.ledger.views.notices import list_notices
from connector.ledger.views.run_lists import RunListFilter, last_completed, last_runs, list_runs
from connector.ledger.views.run_page import list_requests, read_run
from connector.ledger.views.schedules import list_schedules
from connector.ledger.views.work import work_under_way
from tests.ledger.runs import (
    HOLDER,
    RUN,
    SCOPE,
    delivered,
    refused,
    request,
    set_back,
    staged_run,
    started_run,
    writing,
)

TARGET = SCOPE.target
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
METRICS = {
    "events": 2,
    "marks": [0] * 6,
    "ages": [0] * 9,
    "newest": 1_793_491_200,
    "values": [["USD", 20_000, 2, 1_500_000]],
}


@contextmanager
def reading(ledger: Ledger, most: int) -> Iterator[Connection]:
    """A transaction of at most so many statements, apart from its beginning."""
    statements: list[str] = []

    def count(_: Any, __: Any, statement: str, *___: Any) -> None:
        if not statement.startswith("BEGIN"):
            statements.append(statement)

    with ledger.database.reading() as connection:
        event.listen(connection, "before_cursor_execute", count)
        yield connection
    assert len(statements) <= most, statements


def ended_run(ledger: Ledger, number: int, *, orchestration: str = "o", status: RunStatus = RunStatus.COMPLETED) -> str:
    """A run that began so many minutes after the first, and ended."""
    run_id = f"run-{number:04}"
    started_run(ledger, run_id, orchestration=orchestration, started_at=BEGAN + timedelta(minutes=number))
    ledger.runs.finish(run_id, status)
    return run_id


def test_a_run_that_ends_has_its_totals_and_one_that_resumes_is_summed_again(ledger: Ledger) -> None:
    staged_run(ledger, batches=[2, 3])
    whole = BatchSlice(0, 0, 2, 2, "delivered", metrics=METRICS, whole=True)
    ledger.batches.settled(RUN, whole)
    ledger.batches.settled(RUN, refused(1, 0))
    with reading(ledger, 2) as connection:
        (running,) = list_runs(connection, RunListFilter(TARGET))
    ledger.runs.finish(RUN, RunStatus.FAILED, error="The token is dead.")
    with reading(ledger, 1) as connection:
        (ended,) = list_runs(connection, RunListFilter(TARGET))
    record = ledger.runs.get(RUN)
    for totals in (running.totals, ended.totals):
        assert (totals.rows, totals.events_delivered, totals.events_refused) == (record.rows, 2, 1)
    assert (ended.totals.value, ended.error, ended.resumable) == ({"USD": "1.5"}, "The token is dead.", True)
    assert ended.totals.newest_event == datetime(2026, 11, 1, tzinfo=UTC)
    assert (running.totals.value, running.totals.newest_event) == ({}, None)
    ledger.runs.resume(RUN, holder="new", host="here")
    ledger.batches.settled(RUN, delivered(1, 1, 2))
    with reading(ledger, 2) as connection:
        (resumed,) = list_runs(connection, RunListFilter(TARGET))
    assert (resumed.totals.rows.pending, resumed.totals.rows.delivered) == (0, 4)


def test_runs_are_listed_in_pages_whatever_runs_start_meanwhile(ledger: Ledger) -> None:
    expected = [ended_run(ledger, number) for number in range(7)]
    # Two runs of one moment are told apart by their ids.
    started_run(ledger, "run-0003b", started_at=BEGAN + timedelta(minutes=3))
    expected.insert(4, "run-0003b")
    listed: list[str] = []
    while page := _page(ledger, before=listed[-1] if listed else None):
        listed += page
        ended_run(ledger, 100 + len(listed))
    assert listed == expected[::-1]
    assert _page(ledger, before="unknown") == []
    assert _page(ledger, statuses=(RunStatus.RUNNING,)) == ["run-0003b"]
    assert _page(ledger, orchestration="another") == []
    assert _page(ledger, since=BEGAN + timedelta(minutes=100), limit=1) == ["run-0108"]


def _page(ledger: Ledger, limit: int = 3, **conditions: Any) -> list[str]:
    with reading(ledger, 2) as connection:
        return [run.run_id for run in list_runs(connection, RunListFilter(TARGET, limit=limit, **conditions))]


def test_the_user_of_a_run_is_who_asked_for_it(ledger: Ledger) -> None:
    for number, actor in enumerate((None, "anna")):
        run_id = ended_run(ledger, number)
        ledger.audit.add(Use("service", "here", "run", "o", TARGET, run_id, allowed=False))
        ledger.audit.add(Use("service", "here", "run", "o", TARGET, run_id, allowed=True, actor=actor))
        ledger.audit.add(Use("other", "here", "rejects", "o", TARGET, run_id, allowed=True))
    with reading(ledger, 1) as connection:
        assert [run.by for run in list_runs(connection, RunListFilter(TARGET))] == ["anna", "service"]


def test_the_last_runs_of_any_number_of_orchestrations_are_one_statement_for_each_hundred(ledger: Ledger) -> None:
    names = [f"o{number}" for number in range(130)]
    for number in range(12):
        ended_run(ledger, number, orchestration=names[number % 2], status=RunStatus.FAILED)
    ended_run(ledger, 50, orchestration=names[120])
    with reading(ledger, 2) as connection:
        found = last_runs(connection, TARGET, names, each=3)
    assert list(found) == names
    assert [run.run_id for run in found["o0"]] == ["run-0010", "run-0008", "run-0006"]
    assert {name for name in names if found[name]} == {"o0", "o1", "o120"}
    with reading(ledger, 1) as connection:
        assert list(last_completed(connection, TARGET, ["o0", "o120"])) == ["o120"]
    with reading(ledger, 0) as connection:
        assert last_runs(connection, TARGET, []) == {}


def test_lists_use_the_indexes(ledger: Ledger) -> None:
    if ledger.database.is_shared:
        pytest.skip("PostgreSQL reads a small table whole")
    plans: list[str] = []

    def explain(connection: Any, _: Any, statement: str, parameters: Any, *__: Any) -> None:
        if statement.startswith("SELECT"):
            raw = connection.connection.driver_connection
            plans.extend(row[-1] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

    with ledger.database.reading() as connection:
        event.listen(connection, "before_cursor_execute", explain)
        last_runs(connection, TARGET, ["a", "b"])
        list_runs(connection, RunListFilter(TARGET, before="x"))
        list_runs(connection, RunListFilter(TARGET, orchestration="a", since=BEGAN))
        read_run(connection, RUN)
        run_activity(connection, RUN)
    assert not [plan for plan in plans if plan.startswith("SCAN runs") or "SCAN batches" in plan]
    assert not [plan for plan in plans if "TEMP B-TREE" in plan]


def test_a_run_in_progress_has_its_progress_and_its_routes(ledger: Ledger, tmp_path: Path) -> None:
    staged_run(ledger, batches=[2, 3])
    ledger.batches.settled(RUN, delivered(0, 0, 2, whole=True))
    ledger.batches.request(RUN, request(0, events=2))
    ledger.batches.request(RUN, request(1, events=3))
    with writing(ledger) as connection:
        counts = {"rows_read": 5, "total": 5, "done": 2, "refused": 0, "retried": 1}
        row = {"run_id": RUN, "at": "2026-11-30T00:00:00", "phase": "sending", "unit": "event", **counts}
        connection.execute(insert(progress).values(row))
    with reading(ledger, 3) as connection:
        page = read_run(connection, RUN)
    assert page is not None and page.progress is not None and page.report is None
    assert (page.progress.percent, page.progress.phase, page.progress.retried) == (40.0, "sending", 1)
    assert [(route.resource_type, route.events, route.delivered) for route in page.routes] == [("offline", 5, 2)]
    with reading(ledger, 2) as connection:
        first, second = list_requests(connection, RUN)
        assert [one.request.batch for one in (first, second)] == [0, 1]
        assert list_requests(connection, RUN, after=second.id) == []
    with reading(ledger, 1) as connection:
        under_way = work_under_way(connection, tmp_path, TARGET)
    assert under_way.progress_of(RUN) == page.progress


def test_a_run_that_ended_with_a_report_is_one_statement(ledger: Ledger) -> None:
    run_id = ended_run(ledger, 0)
    with writing(ledger) as connection:
        connection.execute(insert(run_reports).values(run_id=run_id, report={"value": []}))
    with reading(ledger, 1) as connection:
        page = read_run(connection, run_id)
        assert page is not None
        assert (page.run.status, page.report, page.progress, page.routes) == ("completed", {"value": []}, None, ())
    with reading(ledger, 1) as connection:
        assert read_run(connection, "unknown") is None


def test_the_activity_of_a_run_is_its_steps_and_its_uses_in_order(ledger: Ledger) -> None:
    ledger.audit.add(Use("service", "here", "run", "o", TARGET, RUN, allowed=True, actor="anna", via="console"))
    staged_run(ledger, batches=[1])
    ledger.batches.sending(RUN, 0, holder=HOLDER)
    ledger.batches.settled(RUN, delivered(0, 0, 1, whole=True), request(0))
    ledger.runs.finish(RUN, RunStatus.COMPLETED)
    ledger.audit.add(Use("other", "here", "rejects", "o", TARGET, RUN, allowed=False))
    with reading(ledger, 1) as connection:
        steps = run_activity(connection, RUN)
    assert [(step.what, step.user, step.via) for step in steps if step.is_use] == [
        ("run", "anna", "console"), ("rejects", "other", None)
    ]  # fmt: skip
    assert [step.what for step in steps if not step.is_use] == [
        "started", "staged", "first_request", "last_answer", "completed"
    ]  # fmt: skip
    assert [step.allowed for step in steps if step.is_use] == [True, False]


def test_the_audit_is_listed_in_pages_and_by_condition(ledger: Ledger) -> None:
    for number in range(5):
        use = Use(
            "service", "here", f"run {number}", "o", TARGET, None, allowed=number != 3, actor="anna" if number else None
        )
        ledger.audit.add(use)
    ledger.audit.add(Use("x", "here", "running", None, "elsewhere", None, allowed=True, detail={"changed": ["limit"]}))

    def commands(**conditions: Any) -> list[str]:
        with reading(ledger, 1) as connection:
            return [one.line.use.command for one in list_audit(connection, AuditFilter(**conditions))]

    with reading(ledger, 1) as connection:
        latest = list_audit(connection, AuditFilter(limit=2))
    assert [one.line.use.detail for one in latest] == [{"changed": ["limit"]}, None]
    assert commands(before=latest[-1].id, limit=2) == ["run 3", "run 2"]
    assert commands(command="run", target=TARGET, user="anna", allowed=True) == ["run 4", "run 2", "run 1"]
    assert commands(user="service") == ["run 0"]
    assert commands(since=datetime.now(UTC) + timedelta(hours=1)) == []


def test_what_is_under_way_is_one_statement(ledger: Ledger, tmp_path: Path) -> None:
    with writing(ledger) as connection:
        base = {
            "actor": "anna",
            "host": "here",
            "command": "run",
            "orchestration": "o",
            "options": {},
            "target": TARGET,
        }
        for number, state in enumerate(("started", "waiting", "ended", "not_started")):
            at = f"2026-11-30T00:00:0{9 - number}"
            connection.execute(insert(launches).values(id=f"l{number}", at=at, state=state, **base))
    with ledger.lock(tmp_path, "o", TARGET) as lock, ledger.lock(tmp_path, "other", "elsewhere"):
        with reading(ledger, 1) as connection:
            under_way = work_under_way(connection, tmp_path, TARGET)
        assert [(held.orchestration, held.holder) for held in under_way.locks] == [("o", lock.holder)]
        assert under_way.lock_on("o") is not None and under_way.lock_on("other") is None
        assert [launch.id for launch in under_way.launches] == ["l1", "l0"]
        with reading(ledger, 1) as connection:
            assert count_frame(connection, TARGET).running == 1
        set_back(ledger, 40)
        with reading(ledger, 2) as connection:
            assert work_under_way(connection, tmp_path, TARGET).lock_on("o") is not None
            assert work_under_way(connection, tmp_path / "elsewhere", TARGET).lock_on("o") is not None
        set_back(ledger, 60)
        with reading(ledger, 1) as connection:
            assert work_under_way(connection, tmp_path / "elsewhere", TARGET).lock_on("o") is None
    with reading(ledger, 1) as connection:
        assert work_under_way(connection, tmp_path, TARGET).locks == ()


def test_schedules_and_pauses_are_one_list(ledger: Ledger) -> None:
    for name in ("b", "a"):
        ledger.schedules.write(TARGET, ScheduleRecord(name, "every 15m", BEGAN))
    with writing(ledger) as connection:
        for name, target in (("a", TARGET), ("c", TARGET), ("b", "elsewhere")):
            values = {"orchestration": name, "target": target, "since": "2026-11-30T00:00:00", "actor": "anna"}
            connection.execute(insert(pauses).values(values))
    with reading(ledger, 1) as connection:
        listed = list_schedules(connection, TARGET)
    assert [(one.orchestration, one.schedule, one.paused_by) for one in listed] == [
        ("a", "every 15m", "anna"), ("b", "every 15m", None), ("c", None, "anna")
    ]  # fmt: skip


def test_notices_are_listed_in_pages_and_counted(ledger: Ledger) -> None:
    with writing(ledger) as connection:
        for number in range(3):
            told = [{"notification": "oncall", "error": "no connection" if number else None}]
            values = {"target": TARGET, "kind": "failed", "text": f"failure {number}", "told": told}
            read_at = "2026-11-30T00:00:00" if number == 0 else None
            connection.execute(insert(notices).values(at="2026-11-30T00:00:00", read_at=read_at, **values))
    with reading(ledger, 1) as connection:
        latest = list_notices(connection, TARGET, limit=2)
        assert [one.text for one in latest] == ["failure 2", "failure 1"]
        assert (latest[0].told[0].notification, latest[0].told[0].error) == ("oncall", "no connection")
    with reading(ledger, 2) as connection:
        assert [one.text for one in list_notices(connection, TARGET, before=latest[-1].id)] == ["failure 0"]
        assert list_notices(connection, TARGET, kinds=["recovered"]) == []
    ledger.open_failures.failed("o", TARGET, RUN)
    with reading(ledger, 1) as connection:
        counts = count_frame(connection, TARGET)
    assert (counts.unread, counts.failing, counts.running, counts.scheduled) == (2, 1, 0, False)


def test_a_list_of_runs_from_before_there_were_totals_is_summed(ledger: Ledger) -> None:
    staged_run(ledger, batches=[2])
    ledger.batches.settled(RUN, delivered(0, 0, 2, whole=True))
    ledger.runs.finish(RUN, RunStatus.COMPLETED)
    with writing(ledger) as connection:
        connection.execute(update(runs).values(totals=None))
    with reading(ledger, 2) as connection:
        (run,) = list_runs(connection, RunListFilter(TARGET))
    assert (run.totals.rows.delivered, run.resumable, run.totals.members) == (2, False, None)


def test_progress_is_stored_while_a_run_is_in_progress_and_says_if_it_is_to_stop(ledger: Ledger) -> None:
    started_run(ledger)
    counts: dict[str, Any] = {"phase": "reading", "unit": "event", "total": None, "done": 0, "refused": 0, "retried": 0}
    assert not ledger.runs.record_progress(RUN, {**counts, "rows_read": 1})
    assert not ledger.runs.record_progress(RUN, {**counts, "rows_read": 2})
    assert not ledger.runs.record_progress(RUN, None)
    ledger.runs.request_stop(RUN)
    assert ledger.runs.record_progress(RUN, {**counts, "rows_read": 3})
    assert ledger.runs.record_progress(RUN, None)
    with reading(ledger, 3) as connection:
        page = read_run(connection, RUN)
    assert page is not None and page.progress is not None
    assert (page.progress.rows_read, page.progress.percent) == (3, None)
    ledger.runs.finish(RUN, RunStatus.INTERRUPTED)
    ledger.runs.record_progress(RUN, {**counts, "rows_read": 4})
    with reading(ledger, 2) as connection:
        page = read_run(connection, RUN)
    assert page is not None and page.progress is None
    ledger.runs.finish(RUN, RunStatus.COMPLETED)
    ledger.runs.request_stop("unknown")
    ledger.runs.resume(RUN, holder=HOLDER, host="here")
    assert not ledger.runs.record_progress(RUN, {**counts, "rows_read": 5}), "a run that resumes is not to stop"
