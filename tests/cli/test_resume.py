"""What an interrupted run left is finished from the stage, and nothing is sent twice."""

import json
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from sqlalchemy import update

from connector.ledger.ledger import open_ledger
from connector.ledger.locks import RunLock
from connector.ledger.tables import runs
from tests.cli.command import checked, ended, inside, started
from tests.cli.shop import GOOD, NAME, SOURCE_ID, Shop, shop
from tests.cli.tiktok import OK, Reply, TikTok, serving

REVOKED = Reply(40105, "Access token is incorrect or has been revoked.", 401)
ROWS = 6_500
SAME_TIME = f"SELECT * FROM ({GOOD.format(rows=ROWS)}) AS same"


def after(requests: int, then: Reply) -> Callable[[dict[str, Any]], Reply]:
    """Takes so many requests, and answers all others with `then`."""
    seen, lock = iter(range(1_000_000)), threading.Lock()

    def answer(body: dict[str, Any]) -> Reply:
        with lock:
            return OK if next(seen) < requests else then

    return answer


def stopped_half_way(
    tmp_path: Path, tiktok: TikTok, answer: Callable[[dict[str, Any]], Reply], *, keep_warehouse: bool = False
) -> tuple[Shop, str]:
    """A project whose run stopped before all was sent, and the run's id. Its warehouse is gone."""
    tiktok.answer = answer
    made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=ROWS), destination={"max_in_flight": 1})
    record = checked(inside("run", NAME, "--json", project=made.directory).json)
    assert record["status"] == "failed"
    assert 0 < record["rows"]["delivered"] < ROWS
    if not keep_warehouse:
        made.warehouse.unlink(missing_ok=True)
    tiktok.answer = lambda body: OK
    return made, record["run_id"]


def wait_until(seen: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < until, "what the test waits for did not come"
        time.sleep(0.01)


def listed(made: Shop, run_id: str) -> dict[str, Any]:
    """The record of a run, as `connector runs` lists it."""
    (record,) = [
        one for one in inside("runs", "--json", project=made.directory).json["runs"] if one["run_id"] == run_id
    ]
    return checked(record)


def deliveries(tiktok: TikTok) -> Counter[str]:
    """How often each event was accepted, by its id."""
    return Counter(event["event_id"] for event in tiktok.events)


@pytest.mark.parametrize("named", [True, False], ids=["by its id", "the last one"])
def test_the_rest_is_sent_once_and_without_the_warehouse(tmp_path: Path, named: bool) -> None:
    with serving() as tiktok:
        made, run_id = stopped_half_way(tmp_path, tiktok, after(3, REVOKED))
        resumed = inside("resume", *([run_id] if named else []), "--json", project=made.directory)
    record = checked(resumed.json)
    assert (resumed.code, record["run_id"], record["status"]) == (0, run_id, "completed")
    assert record["rows"] == {"read": ROWS, "delivered": ROWS, "rejected": 0, "skipped": 0, "pending": 0}
    assert deliveries(tiktok) == Counter({f"e{n}": 1 for n in range(ROWS)})
    assert record["requests"]["sent"] == len(tiktok.requests)


def test_a_batch_that_was_cut_goes_on_with_what_is_left_of_it(tmp_path: Path) -> None:
    refused = Reply(40002, "Invalid value for event_id: not a valid string.", 400)
    parts: list[int] = []

    def answer(body: dict[str, Any]) -> Reply:
        """Takes the first part of the cut batch, and then nothing more."""
        if parts:
            return REVOKED
        if "e1777" in {event["event_id"] for event in body["data"]}:
            return refused
        if len(body["data"]) < 1_000:
            parts.append(len(body["data"]))
        return OK

    with serving() as tiktok:
        made, run_id = stopped_half_way(tmp_path, tiktok, answer)
        tiktok.answer = lambda body: refused if '"e1777"' in json.dumps(body) else OK
        resumed = inside("resume", run_id, "--json", project=made.directory)
    record = checked(resumed.json)
    assert (resumed.code, record["status"]) == (0, "completed_with_rejects")
    assert record["rejects"] == {"refused_by_tiktok": 1}
    assert deliveries(tiktok) == Counter({f"e{n}": 1 for n in range(ROWS) if n != 1777})
    rejects = json.loads(inside("rejects", run_id, "--format", "json", project=made.directory).stdout)
    assert [row["columns"]["event_id"] for row in rejects] == ["e1777"]


def duration(record: dict[str, Any]) -> float:
    started, finished = (datetime.fromisoformat(record[name]) for name in ("started_at", "finished_at"))
    return (finished - started).total_seconds()


@pytest.mark.parametrize("named", [True, False], ids=["by its id", "the last one"])
def test_a_run_that_was_killed_goes_on(tmp_path: Path, named: bool) -> None:
    held = threading.Event()

    def answer(body: dict[str, Any]) -> Reply:
        if body["data"][0]["event_id"] != "e0":
            held.wait(30)
        return OK

    with serving(answer) as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=ROWS))
        process = started("run", NAME, "--json", project=made.directory)
        assert tiktok.first.wait(30)
        wait_until(lambda: bool(deliveries(tiktok)))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        held.set()
        (run,) = inside("runs", "--json", project=made.directory).json["runs"]
        assert run["status"] == "running"
        time.sleep(1)
        tiktok.answer = lambda body: OK
        resumed = inside("resume", *([run["run_id"]] if named else []), "--json", project=made.directory)
    record = checked(resumed.json)
    # It took both processes' time, without that in between.
    assert record["seconds"] > run["seconds"] > 0
    assert duration(record) - record["seconds"] > 1
    assert (resumed.code, record["rows"]["delivered"]) == (0, ROWS)
    assert set(deliveries(tiktok)) == {f"e{n}" for n in range(ROWS)}


def test_ctrl_c_and_resume_come_to_the_whole(tmp_path: Path) -> None:
    with serving(after(2, Reply(50000, "System error", 500))) as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=ROWS))
        process = started("run", NAME, "--json", project=made.directory)
        assert tiktok.first.wait(30)
        wait_until(lambda: len(tiktok.requests) >= 4)
        process.send_signal(signal.SIGINT)
        run = ended(process)
        assert run.code == 130
        tiktok.answer = lambda body: OK
        resumed = inside("resume", "--json", project=made.directory)
    assert (resumed.code, checked(resumed.json)["rows"]["delivered"]) == (0, ROWS)
    assert deliveries(tiktok) == Counter({f"e{n}": 1 for n in range(ROWS)})


@pytest.mark.parametrize("how", ["run", "resume"])
def test_a_run_that_was_stopped_when_all_was_delivered_comes_to_its_end(tmp_path: Path, how: str) -> None:
    held = threading.Event()

    def answer(body: dict[str, Any]) -> Reply:
        held.wait(30)
        return OK

    with serving(answer) as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=5))
        process = started("run", NAME, "--json", project=made.directory)
        assert tiktok.first.wait(30)
        process.send_signal(signal.SIGINT)
        threading.Timer(0.5, held.set).start()
        stopped = checked(ended(process).json)
        again = inside(how, *([NAME] if how == "run" else []), project=made.directory)
        runs = {run["run_id"]: run for run in inside("runs", "--json", project=made.directory).json["runs"]}
    assert (stopped["status"], stopped["rows"]["pending"], again.code) == ("interrupted", 0, 0)
    assert runs[stopped["run_id"]]["status"] == "completed"
    assert deliveries(tiktok) == Counter({f"e{n}": 1 for n in range(5)})
    assert not (made.state / "runs" / stopped["run_id"] / "events.arrow").exists()


@pytest.mark.parametrize("how", ["run", "resume"])
def test_left_out_rows_that_could_not_be_written_are_written_later(tmp_path: Path, how: str) -> None:
    """All events are settled by then; a folder lies where the file is to be written."""

    def answer(body: dict[str, Any]) -> Reply:
        for folder in (made.state / "runs").glob("*/left-out"):
            (folder / ".sending.unfinished").mkdir(exist_ok=True)
        return Reply(40002, "No.", 400) if "e3" in {event["event_id"] for event in body["data"]} else OK

    with serving(answer) as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=5))
        failed = inside("run", NAME, "--json", project=made.directory)
        record = checked(failed.json)
        (made.state / "runs" / record["run_id"] / "left-out" / ".sending.unfinished").rmdir()
        tiktok.answer = lambda body: Reply(40002, "No.", 400)
        again = inside(how, *([NAME] if how == "run" else []), "--json", project=made.directory)
        rejects = json.loads(inside("rejects", record["run_id"], "--format", "json", project=made.directory).stdout)
    assert (failed.code, record["status"], record["rows"]["pending"]) == (1, "failed", 0)
    assert "could not be written in" in failed.sentence
    assert (again.code, again.json["status"]) == (0, "completed_with_rejects")
    assert [row["columns"]["event_id"] for row in rejects] == ["e3"]


def test_what_was_meant_for_one_place_is_not_sent_to_another(tmp_path: Path) -> None:
    with serving() as tiktok, serving() as other:
        made, run_id = stopped_half_way(tmp_path, tiktok, after(1, REVOKED))
        made.settings.write_text(made.settings.read_text().replace(tiktok.url, other.url))
        resumed = inside("resume", run_id, project=made.directory)
    assert resumed.code == 2
    assert tiktok.url in resumed.sentence
    assert other.requests == []


def test_an_answer_lost_more_than_48_hours_ago_is_not_risked(tmp_path: Path) -> None:
    with serving() as tiktok:
        made, run_id = stopped_half_way(tmp_path, tiktok, after(2, REVOKED))
        with sqlite3.connect(made.state / "ledger.sqlite") as ledger:
            ledger.execute("UPDATE batches SET sent_at = '2020-01-01T00:00:00.000+00:00'")
            number = ledger.execute("SELECT max(number) FROM batches").fetchone()[0]
            ledger.execute("UPDATE batches SET state = 'unknown' WHERE number = ?", [number])
        resumed = inside("resume", run_id, "--json", project=made.directory)
    record = checked(resumed.json)
    assert (resumed.code, record["status"]) == (1, "failed")
    assert record["rows"]["pending"] == 500
    assert "48 hours" in resumed.sentence
    assert deliveries(tiktok) == Counter({f"e{n}": 1 for n in range(6_000)})


def test_a_run_with_too_many_rejects_is_not_resumed(tmp_path: Path) -> None:
    query = "SELECT 'e' || n AS event_id, now() AS timestamp, CASE WHEN n > 5 THEN 'jo@example.com' END AS email FROM range(10) AS t (n)"
    with serving() as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, query, max_reject_percent=5)
        record = inside("run", NAME, "--json", project=made.directory).json
        resumed = inside("resume", record["run_id"], project=made.directory)
    assert (record["status"], resumed.code, tiktok.requests) == ("failed", 2, [])
    assert "nothing left that could still be sent" in resumed.sentence


@pytest.mark.parametrize("is_running", [True, False])
def test_without_an_id_a_run_that_another_process_is_at_is_passed_over(tmp_path: Path, is_running: bool) -> None:
    """Where the latest had ended, somebody has begun to go on with it, which is told instead."""
    with serving(lambda body: REVOKED) as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=5))
        settings = yaml.safe_load(made.settings.read_text())
        settings["orchestrations"]["other"] = settings["orchestrations"][NAME]
        made.settings.write_text(yaml.safe_dump(settings))
        first, latest = (inside("run", name, "--json", project=made.directory).json for name in (NAME, "other"))
        tiktok.answer = lambda body: OK
        with open_ledger(f"sqlite:///{made.state / 'ledger.sqlite'}") as ledger:
            if is_running:
                with ledger.database.writing() as connection:
                    running = update(runs).where(runs.c.run_id == latest["run_id"])
                    connection.execute(running.values(status="running", finished_at=None))
            with RunLock(ledger.database, made.state, "other", latest["target"]):
                resumed = inside("resume", "--json", project=made.directory)
    if is_running:
        assert (resumed.code, resumed.json["run_id"]) == (0, first["run_id"])
    else:
        assert (resumed.code, "is being run" in resumed.sentence) == (1, True)


def test_a_finished_run_has_nothing_to_resume(tmp_path: Path) -> None:
    with serving() as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=5))
        record = inside("run", NAME, "--json", project=made.directory).json
        resumed = inside("resume", record["run_id"], project=made.directory)
    assert resumed.code == 2
    assert "completed" in resumed.sentence


def other_source(body: dict[str, Any]) -> Reply:
    """Knows one event source alone."""
    return OK if body["event_source_id"] == "111" else Reply(40002, "Invalid value for event_source_id.", 400)


def test_a_run_that_is_refused_as_it_is_staged_holds_up_no_other_once_the_cause_is_mended(tmp_path: Path) -> None:
    with serving(other_source) as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=ROWS))
        first = checked(inside("run", NAME, "--json", project=made.directory).json)
        unchanged = inside("run", NAME, "--json", project=made.directory)
        made.settings.write_text(
            made.settings.read_text().replace(f"event_source_id: '{SOURCE_ID}'", "event_source_id: '111'")
        )
        mended = inside("run", NAME, "--json", project=made.directory)
        again = inside("run", NAME, "--json", project=made.directory)
    assert (unchanged.code, unchanged.json["run_id"]) == (1, first["run_id"])
    assert "event_source_id" in unchanged.stderr
    record = checked(mended.json)
    assert (mended.code, record["rows"]["delivered"], record["run_id"] != first["run_id"]) == (0, ROWS, True)
    assert deliveries(tiktok) == Counter({f"e{n}": 1 for n in range(ROWS)})
    assert again.json["resumed"] == []


def test_a_run_finishes_what_an_earlier_one_left_and_then_runs_anew(tmp_path: Path) -> None:
    with serving() as tiktok:
        tiktok.answer = after(3, REVOKED)
        made = shop(tmp_path / "shop", tiktok.url, SAME_TIME, destination={"max_in_flight": 1})
        first = checked(inside("run", NAME, "--json", project=made.directory).json)
        tiktok.answer = lambda body: OK
        with duckdb.connect(str(made.warehouse)) as warehouse:
            warehouse.execute("CREATE TABLE more AS SELECT 7000 AS n")
        made.query.write_text(f"{SAME_TIME} UNION ALL SELECT 'more', now(), 'more@example.com', 1 FROM more")
        run = inside("run", NAME, "--json", project=made.directory)
        record = listed(made, first["run_id"])
    assert (run.code, run.json["resumed"]) == (0, [first["run_id"]])
    assert checked(run.json)["rows"] == {"read": ROWS + 1, "delivered": 1, "rejected": 0, "skipped": ROWS, "pending": 0}
    assert run.json["skips"] == {"already_delivered": ROWS}
    assert (record["status"], record["rows"]["delivered"]) == ("completed", ROWS)
    assert deliveries(tiktok) == Counter({**{f"e{n}": 1 for n in range(ROWS)}, "more": 1})


def test_what_another_orchestration_has_delivered_meanwhile_is_not_sent_again(tmp_path: Path) -> None:
    with serving() as tiktok:
        made, run_id = stopped_half_way(tmp_path, tiktok, after(3, REVOKED), keep_warehouse=True)
        settings = yaml.safe_load(made.settings.read_text())
        settings["orchestrations"]["others"] = {**settings["orchestrations"][NAME]}
        made.settings.write_text(yaml.safe_dump(settings))
        made.query.write_text(f"{GOOD.format(rows=ROWS)} WHERE n >= 5000")
        others = checked(inside("run", "others", "--json", project=made.directory).json)
        resumed = checked(inside("resume", run_id, "--json", project=made.directory).json)
        rejects = inside("rejects", run_id, "--reason", "already_delivered", "--format", "json", project=made.directory)
    assert (others["rows"]["delivered"], resumed["rows"]["delivered"]) == (1_500, 5_000)
    assert (resumed["status"], resumed["skips"]) == ("completed", {"already_delivered": 1_500})
    assert {row["columns"]["event_id"] for row in json.loads(rejects.stdout)} == {f"e{n}" for n in range(5_000, ROWS)}
    assert deliveries(tiktok) == Counter({f"e{n}": 1 for n in range(ROWS)})


def test_events_whose_answers_were_lost_long_ago_are_skipped_until_asked_for(tmp_path: Path) -> None:
    with serving() as tiktok:
        made, run_id = stopped_half_way(tmp_path, tiktok, after(2, REVOKED), keep_warehouse=True)
        with sqlite3.connect(made.state / "ledger.sqlite") as ledger:
            ledger.execute("UPDATE batches SET state = 'unknown' WHERE number = 2")
            ledger.execute("UPDATE batches SET sent_at = '2020-01-01T00:00:00.000+00:00' WHERE number = 2")
        run = inside("run", NAME, "--json", project=made.directory)
        later = inside("run", NAME, project=made.directory)
        asked = inside("run", NAME, "--resend-unknown", "--json", project=made.directory)
        first = listed(made, run_id)
    assert (run.code, run.json["resumed"]) == (0, [run_id])
    assert checked(run.json)["skips"] == {"already_delivered": ROWS - 1_000, "answer_lost": 1_000}
    assert (later.code, "--resend-unknown" in later.stderr) == (0, True)
    assert (first["status"], first["rows"]["pending"]) == ("completed", 0)
    assert asked.json["resumed"] == [run_id]
    assert deliveries(tiktok) == Counter({f"e{n}": 1 for n in range(ROWS)})
