"""A paused schedule starts nothing; everything else goes on."""

import getpass
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connector.ledger.orchestrations import ScheduleState
from connector.scheduler.schedule_tracker import ScheduleTracker
from tests.cli.command import inside
from tests.cli.tiktok import OK, Reply, TikTok, serving
from tests.scheduler.station import Station, fields, station
from tests.scheduler.test_schedule_tracker import NOON, every


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


def told(at: Station, *args: str) -> str:
    done = inside("schedule", *args, project=at.shop.directory)
    assert done.code == 0, done.stderr
    return done.stdout.strip()


def test_what_is_due_during_a_pause_is_skipped_and_the_next_time_is_not(tmp_path: Path, tiktok: TikTok) -> None:
    at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}, "b": {"after": "a"}})
    with at.loop() as loop:
        assert told(at, "pause", "a") == "a is paused."
        assert told(at, "pause", "a") == "a was paused already."
        for _ in range(3):
            loop.tick(at.later(hours=1))
        assert at.changes("started", "waiting", "paused") == ["paused orchestration=a"]
        assert loop.status.as_json()["paused"] == ["a"]
        assert told(at, "unpause", "a") == "a runs on its schedule again."
        assert told(at, "unpause", "a") == "a was not paused."
        loop.tick(at.later(minutes=29))
        assert at.changes("started", "unpaused") == ["unpaused orchestration=a"]
        assert loop.status.as_json()["paused"] == []
        loop.tick(at.later(minutes=1))
        assert [fields(line)["orchestration"] for line in at.changes("started")] == ["a"]
        loop.kill()
    assert at.asked("SELECT command, orchestration, allowed FROM audit WHERE command LIKE '%pause' ORDER BY id") == [
        ("pause", "a", 1), ("pause", "a", 1), ("unpause", "a", 1), ("unpause", "a", 1)
    ]  # fmt: skip


def test_a_run_under_way_goes_on_and_one_by_hand_starts(tmp_path: Path, tiktok: TikTok) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def answer(_: object) -> Reply:
        asked.set()
        go_on.wait(30)
        return OK

    tiktok.answer = answer
    at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}})
    with at.loop() as loop:
        loop.tick(at.later(hours=1))
        assert asked.wait(30)
        told(at, "pause", "a")
        loop.tick(at.later(hours=1))
        go_on.set()
        assert fields(at.wait_for(loop, "ended"))["status"] == "completed"
        loop.tick(at.later(hours=1))
        assert len(at.changes("started")) == 1
    assert inside("run", "a", project=at.shop.directory).code == 0


def test_a_run_that_a_dead_scheduler_left_waits_until_the_pause_ends(tmp_path: Path, tiktok: TikTok) -> None:
    asked, go_on = threading.Event(), threading.Event()

    def answer(_: object) -> Reply:
        asked.set()
        go_on.wait(30)
        return OK

    tiktok.answer = answer
    at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}})
    with at.loop() as first:
        first.tick(at.later(hours=1))
        assert asked.wait(30)
        first.kill()
    go_on.set()
    told(at, "pause", "a")
    at.lines.clear()
    with at.loop() as loop:
        loop.tick(at.later(hours=1))
        assert [fields(line)["because"] for line in at.changes("waiting")] == ["its schedule is paused"]
        told(at, "unpause", "a")
        assert fields(at.wait_for(loop, "ended"))["status"] == "completed"


def test_schedules_are_listed_with_their_pauses(tmp_path: Path, tiktok: TikTok) -> None:
    at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}, "b": {"after": "a"}})
    assert told(at).splitlines()[0].split() == ["ORCHESTRATION", "SCHEDULE", "NEXT", "DUE", "PAUSED"]
    told(at, "pause", "b")
    listed = inside("schedule", "list", "--json", project=at.shop.directory).json
    first, second = listed["schedules"]
    assert (first["orchestration"], first["schedule"], first["paused_by"]) == ("a", "every 1h", None)
    assert first["next_due"] is not None and second["next_due"] is None
    assert second["paused_by"] == getpass.getuser()
    assert "by " in told(at, "list").splitlines()[2]
    assert inside("schedule", "unpause", "b", "--json", project=at.shop.directory).json == {
        "orchestration": "b", "paused": False
    }  # fmt: skip


@pytest.mark.parametrize(("args", "sentence"), [
    (("pause", "purchases"), 'There is no orchestration "purchases"'),
    (("pause", "manual"), "manual is manual under the target default: it has no schedule to pause."),
    (("unpause", "purchases"), 'There is no orchestration "purchases"'),
])  # fmt: skip
def test_what_has_no_schedule_is_not_paused(
    tmp_path: Path, tiktok: TikTok, args: tuple[str, ...], sentence: str
) -> None:
    at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}, "manual": {"every": "1h"}})
    before, _, after = at.shop.settings.read_text().rpartition("workflow: automatic")
    at.shop.settings.write_text(f"{before}workflow: manual{after}")
    refused = inside("schedule", *args, project=at.shop.directory)
    assert refused.code == 2
    assert sentence in refused.stderr


def test_a_retry_of_a_killed_run_is_skipped_too() -> None:
    tracker = ScheduleTracker(())
    tracker.replace_schedules({"a": every("4h")}, NOON)
    retry_at = tracker.record_kill("a", NOON)
    tracker.mark_due(retry_at, {})
    tracker.skip_due(retry_at, {"a"})
    record = tracker.get("a")
    assert record is not None and (record.state, record.handled_until) == (ScheduleState.IDLE, retry_at)
    tracker.mark_due(retry_at + timedelta(hours=1), {})
    assert tracker.in_state(ScheduleState.WAITING) == []
