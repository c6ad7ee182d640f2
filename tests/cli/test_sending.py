"""Runs against a server that answers as TikTok can: what arrives, what is recorded, how it ends."""

import csv
import io
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import checked, ended, inside, started
from tests.cli.shop import GOOD, NAME, SOURCE_ID, TOKEN, shop
from tests.cli.tiktok import OK, PATH, Reply, serving

MANY = 25_000
POISONED = "e12345"


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [event["event_id"] for event in events]


def test_one_poisoned_event_of_many_is_found_and_the_others_are_delivered(tmp_path: Path) -> None:
    def answer(body: dict[str, Any]) -> Reply:
        return Reply(40002, f"{POISONED}: bad value jo@example.com", 400) if POISONED in ids(body["data"]) else OK

    with serving(answer) as tiktok:
        project = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=MANY)).directory
        run = inside("run", NAME, "--json", project=project)
        record = run.record()
        rejects = inside("rejects", record["run_id"], project=project)
    assert run.code == 0
    assert record["status"] == "completed_with_rejects"
    assert record["rejects"] == {"refused_by_tiktok": 1}
    assert record["events"] == {"built": MANY, "delivered": MANY - 1, "refused": 1}
    assert Counter(ids(tiktok.events)) == Counter({f"e{n}": 1 for n in range(MANY)} | {POISONED: 0})
    assert max(len(request.events) for request in tiktok.requests) == 1_000
    assert record["requests"] == {"sent": len(tiktok.requests), "retried": 0}
    (row,) = csv.DictReader(io.StringIO(rejects.stdout))
    assert (row["row"], row["reason"], row["code"]) == ("12346", "refused_by_tiktok", "40002")
    assert "bad value" in row["message"]
    assert "@" not in rejects.stdout


def test_each_request_is_an_envelope_of_events_in_the_order_of_the_result(tmp_path: Path) -> None:
    with serving() as tiktok:
        project = shop(
            tmp_path / "shop", tiktok.url, GOOD.format(rows=2_300), destination={"max_in_flight": 1}
        ).directory
        record = inside("run", NAME, "--json", project=project).record()
    assert [len(request.events) for request in tiktok.requests] == [1_000, 1_000, 300]
    assert ids(tiktok.events) == [f"e{n}" for n in range(2_300)]
    assert record["status"] == "completed"
    for request in tiktok.requests:
        assert request.path == PATH
        assert request.headers["Access-Token"] == TOKEN
        assert request.headers["Content-Type"] == "application/json"
        assert {key: value for key, value in request.body.items() if key != "data"} == {
            "event_source": "offline",
            "event_source_id": SOURCE_ID,
        }


def test_a_limit_and_a_test_event_code_come_from_the_command_line(tmp_path: Path) -> None:
    with serving() as tiktok:
        project = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=500)).directory
        run = inside("run", NAME, "--limit", "7", "--test-event-code", "TEST123", "--json", project=project)
    (request,) = tiktok.requests
    assert run.record()["rows"]["read"] == 7
    assert request.body["test_event_code"] == "TEST123"
    assert ids(request.events) == [f"e{n}" for n in range(7)]


def test_being_throttled_ends_well(tmp_path: Path) -> None:
    throttles = iter([Reply(40100, "Too many requests. Please retry in some time.", 401)] * 5)
    with serving(lambda body: next(throttles, OK)) as tiktok:
        project = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=1_500)).directory
        run = inside("run", NAME, "--json", project=project)
    record = run.record()
    assert (run.code, record["status"]) == (0, "completed")
    assert sorted(ids(tiktok.events)) == sorted(f"e{n}" for n in range(1_500))
    assert record["requests"] == {"sent": 7, "retried": 5}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(40105, "Access token is incorrect or has been revoked.", 401), "connector resume"),
        (Reply(40001, "No permission to operate this event source.", 403), "event source"),
        (Reply(40002, "Invalid value for data.0.event", 400), "event source id"),
        (Reply(50000, "System error", 500), "too long"),
        (Reply(reset=True), "No answer"),
        (Reply(envelope=False, message="<html>Bad gateway</html>", status=502), "HTTP 502"),
    ],
    ids=["revoked token", "no permission", "everything refused", "broken", "connections torn down", "gateway"],
)
def test_a_service_that_takes_nothing_leaves_all_rows_pending(tmp_path: Path, reply: Reply, said: str) -> None:
    with serving(lambda body: reply) as tiktok:
        project = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=2_500)).directory
        run = inside("run", NAME, "--json", project=project)
    record = run.record()
    assert (run.code, record["status"]) == (1, "failed")
    assert record["rows"] == {"read": 2_500, "delivered": 0, "rejected": 0, "skipped": 0, "pending": 2_500}
    assert said in run.sentence
    assert record["error"] == run.sentence
    assert record["requests"]["sent"] == len(tiktok.requests) < 30


def test_a_failure_of_the_service_says_that_the_run_can_be_resumed(tmp_path: Path) -> None:
    with serving(lambda body: Reply(50000, "System error", 500)) as tiktok:
        project = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=5)).directory
        assert "resume" in inside("run", NAME, project=project).stderr


def test_a_token_revoked_half_way_keeps_what_was_delivered(tmp_path: Path) -> None:
    answers = iter([OK, OK, OK])
    with serving(lambda body: next(answers, Reply(40105, "Access token is revoked", 401))) as tiktok:
        project = shop(
            tmp_path / "shop", tiktok.url, GOOD.format(rows=9_500), destination={"max_in_flight": 1}
        ).directory
        run = inside("run", NAME, project=project)
        listed = inside("runs", "list", "--json", project=project).json
    record = checked(listed["runs"][0])
    assert run.code == 1
    assert run.stdout == ""
    assert "connector resume" in run.stderr
    assert record["status"] == "failed"
    assert record["rows"]["delivered"] == record["events"]["delivered"] == len(tiktok.events) == 3_000
    assert record["rows"]["pending"] == 6_500


def test_too_many_rejects_send_nothing(tmp_path: Path) -> None:
    query = "SELECT CASE WHEN n >= 20 THEN n || '@example.com' END AS email, now() AS timestamp, 'e' || n AS event_id FROM range(100) AS t (n)"
    with serving() as tiktok:
        strict = shop(tmp_path / "strict", tiktok.url, query, max_reject_percent=19).directory
        lenient = shop(tmp_path / "lenient", tiktok.url, query, max_reject_percent=20).directory
        run = inside("run", NAME, "--json", project=strict)
        assert tiktok.requests == []
        plan = inside("plan", NAME, project=strict)
        allowed = inside("run", NAME, "--json", project=lenient)
    record = run.record()
    assert (run.code, record["status"]) == (3, "failed")
    assert record["rows"] == {"read": 100, "delivered": 0, "rejected": 20, "skipped": 0, "pending": 80}
    assert "20 of 100 rows" in run.sentence
    assert "nothing was sent" in run.sentence
    assert plan.code == 0
    assert "max_reject_percent" in plan.stderr
    assert (allowed.code, allowed.record()["rows"]["delivered"]) == (0, 80)


def test_ctrl_c_waits_for_the_requests_in_flight_and_records_their_answers(tmp_path: Path) -> None:
    held = threading.Event()

    def answer(body: dict[str, Any]) -> Reply:
        held.wait(30)
        return OK

    with serving(answer) as tiktok:
        project = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=9_000)).directory
        process = started("run", NAME, "--json", project=project)
        assert tiktok.first.wait(30)
        process.send_signal(signal.SIGINT)
        threading.Timer(0.5, held.set).start()
        run = ended(process)
    record = run.record()
    assert (run.code, record["status"]) == (130, "interrupted")
    assert "resume" in run.sentence
    assert record["rows"]["delivered"] == len(tiktok.events)
    assert 0 < record["rows"]["delivered"] <= 2_000
    assert record["rows"]["pending"] == 9_000 - record["rows"]["delivered"]


def test_ctrl_c_stops_a_query_that_takes_long(tmp_path: Path) -> None:
    endless = "SELECT max(hash(a.range::VARCHAR || b.range))::VARCHAR AS event_id, now() AS timestamp, 'jo@example.com' AS email FROM range(1000000) AS a, range(100000) AS b"
    with serving() as tiktok:
        project = shop(tmp_path / "shop", tiktok.url, endless)
        process = started("run", NAME, "--json", project=project.directory)
        try:
            wait_for(project.state / "ledger.sqlite")
            time.sleep(0.7)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=3) == 130
        finally:
            process.kill()
            process.communicate()


def test_a_second_ctrl_c_does_not_wait_and_prints_the_record(tmp_path: Path) -> None:
    held = threading.Event()

    def answer(body: dict[str, Any]) -> Reply:
        held.wait(3)
        return OK

    with serving(answer) as tiktok:
        project = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=3_000)).directory
        process = started("run", NAME, "--json", project=project)
        assert tiktok.first.wait(30)
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        run = ended(process)
        held.set()
    assert run.code == 130
    assert run.record()["rows"]["pending"] > 0
    assert time.monotonic() - began < 2


def wait_for(path: Path) -> None:
    until = time.monotonic() + 30
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.02)
