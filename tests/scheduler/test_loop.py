"""Runs are started when they are due, as processes of their own; the clock is handed in."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.errors import ConfigurationError, LockedError
from connector.ledger.ledger import open_ledger
from connector.scheduler.loop import TICK_SECONDS
from tests.cli.tiktok import OK, Reply, TikTok, serving
from tests.notifications.service import listening
from tests.scheduler.station import Station, fields, station


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


def answered(asked: threading.Event, go_on: threading.Event) -> Reply:
    """An answer that is not given before `go_on` is set."""
    asked.set()
    go_on.wait(30)
    return OK


def reschedule(at: Station, old: str, new: str) -> None:
    text = at.shop.settings.read_text()
    assert old in text
    at.shop.settings.write_text(text.replace(old, new))


def test_a_restart_in_the_middle_of_a_run_goes_on_with_it_and_sends_nothing_twice(
    tmp_path: Path, tiktok: TikTok
) -> None:
    """The first process dies with its run under way; that one is killed while its first request is unanswered."""
    asked, go_on = threading.Event(), threading.Event()
    tiktok.answer = lambda body: answered(asked, go_on)
    at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}})
    with at.loop() as first:
        first.tick(at.later(hours=1))
        assert asked.wait(30)
    at.lines.clear()
    with at.loop() as loop:
        loop.tick(at.now)
        assert at.changes("started", "waiting") == [], "it is under way: whoever started it is gone, and it is not"
        first.kill()
        go_on.set()
        ended = fields(at.wait_for(loop, "ended"))
        assert (ended["status"], ended["read"], ended["delivered"]) == ("completed", "3", "3")
        assert [(ended["resumed"],), (ended["run"],)] == at.asked("SELECT run_id FROM runs ORDER BY started_at")
        loop.tick(at.later(minutes=1))
        assert len(at.changes("started")) == 1
    assert at.asked("SELECT status FROM runs") == [("completed",), ("completed",)]
    ids = [event["event_id"] for event in tiktok.events]
    assert (len(set(ids)), len(ids)) == (6, 9), "those whose answer was lost came again, with the same ids"


def test_those_that_find_no_room_wait_and_say_so(tmp_path: Path, tiktok: TikTok) -> None:
    asked, go_on = threading.Event(), threading.Event()
    tiktok.answer = lambda body: answered(asked, go_on)
    at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}, "b": {"every": "1h"}, "c": {"after": "b"}})
    with at.loop(parallel=1) as loop:
        loop.tick(at.later(hours=1))
        loop.tick(at.now)
        assert [fields(line)["orchestration"] for line in at.changes("started")] == ["a"]
        assert [fields(line)["because"] for line in at.changes("waiting")] == ["1 others are running"]
        shown: dict[str, Any] = loop.status.as_json()
        assert [(one["orchestration"], one["status"], one["shown"]) for one in shown["waiting"]] == [
            ("b", "waiting", "Waiting to start…")
        ]
        assert at.asked("SELECT orchestration, state FROM schedules ORDER BY 1") == [
            ("a", "running"), ("b", "waiting"), ("c", "idle")
        ]  # fmt: skip
        go_on.set()
        loop.kill()


def test_two_at_once_is_one_too_many_and_the_second_says_who_holds_it(tmp_path: Path, tiktok: TikTok) -> None:
    at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}})
    with at.loop(), pytest.raises(LockedError) as caught, at.loop():
        pass
    assert f"`connector start` (target default) is being run by process {os.getpid()} on " in str(caught.value)


def test_one_that_another_process_took_over_starts_nothing_more(tmp_path: Path, tiktok: TikTok) -> None:
    at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}})
    with at.loop() as loop, open_ledger(f"sqlite:///{at.shop.state / 'ledger.sqlite'}") as ledger:
        with ledger.database.writing() as connection:
            connection.exec_driver_sql("UPDATE locks SET holder = 'another'")
        with pytest.raises(LockedError, match="taken over"):
            loop.tick(at.later(hours=1))
    assert at.changes("started") == []


def test_an_orchestration_that_is_run_by_hand_is_waited_for(tmp_path: Path, tiktok: TikTok) -> None:
    at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}})
    with at.loop() as loop, open_ledger(f"sqlite:///{at.shop.state / 'ledger.sqlite'}") as ledger:
        with ledger.lock(at.shop.state, "a", "default"):
            loop.tick(at.later(hours=1))
            assert [fields(line)["because"] for line in at.changes("waiting")] == ["it is already running"]
        loop.tick(at.now)
        assert len(at.changes("started")) == 1
        loop.kill()


def test_changed_files_are_taken_and_broken_ones_refused(tmp_path: Path, tiktok: TikTok) -> None:
    at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}, "b": {"every": "4d"}})

    def looked() -> list[str]:
        at.lines.clear()
        for _ in range(2):
            loop.tick(at.now)
        return at.changes("changed", "refused")

    with at.loop() as loop:
        assert looked() == []
        reschedule(at, "every: 1h", "every: 3h")
        assert looked() == ['changed what="a runs every 3h now, before every 1h"']
        reschedule(at, "every: 3h", "every: 3x")
        (refused,) = looked()
        assert "must be a number of seconds, minutes, hours or days" in refused
        assert loop.status.as_json()["files"] == "refused"
        assert looked() == [], "a problem is told once"
        loop.tick(at.later(hours=3))
        assert len(at.changes("started")) == 1
        assert fields(at.wait_for(loop, "ended"))["status"] == "completed", "the last good files count"
        reschedule(at, "every: 3x", "every: 3h")
        assert looked() == ['changed what="nothing that runs by itself"']
        at.shop.query.write_text(at.shop.query.read_text() + " WHERE true")
        assert sorted(looked()) == [f'changed what="{name} has changed: its query or template"' for name in "ab"]
        text = at.shop.settings.read_text()
        first, second = text.split("  b:\n")
        at.shop.settings.write_text(f"{first}  b:\n{second.replace('workflow: automatic', 'workflow: manual')}")
        assert looked() == ['changed what="b is manual now"']
        assert list(loop.status.as_json()["next_due"]) == ["a"]
        at.shop.settings.write_text(text)
        assert looked() == ['changed what="b is automatic now (every 4d)"']


def test_nothing_is_started_where_nothing_is_automatic(tmp_path: Path, tiktok: TikTok) -> None:
    at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}})
    reschedule(at, "automatic", "manual")
    with pytest.raises(ConfigurationError, match='No orchestration is automatic under the target "default"'), at.loop():
        pass


def test_a_ledger_that_fails_is_told_once_and_work_goes_on_when_it_is_back(tmp_path: Path, tiktok: TikTok) -> None:
    at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}})
    stop = threading.Event()
    with at.loop() as loop, closing(sqlite3.connect(at.shop.state / "ledger.sqlite")) as ledger:
        ledger.execute("ALTER TABLE locks RENAME TO away")
        thread = threading.Thread(target=loop.run, args=(stop,))
        thread.start()
        time.sleep(2.5 * TICK_SECONDS)
        assert loop.status.as_json()["last_look"] is None
        ledger.execute("ALTER TABLE away RENAME TO locks")
        time.sleep(1.5 * TICK_SECONDS)
        assert loop.status.as_json()["last_look"] is not None
        stop.set()
        thread.join()
    assert [line.split()[0] for line in at.changes()] == ["up", "trouble", "stopping", "down"]


def test_what_could_not_begin_is_said_and_told_and_is_due_again_at_its_next_time(
    tmp_path: Path, tiktok: TikTok
) -> None:
    at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}})
    with listening() as service:
        told = {"notifications": {"team": {"webhook": service.webhook}}}
        at.shop.settings.write_text(yaml.safe_dump(told) + at.shop.settings.read_text())
        reschedule(at, "    workflow: automatic", "    workflow: automatic\n    notify: team")
        with at.loop() as loop:
            query = at.shop.query.read_text()
            at.shop.query.unlink()
            loop.tick(at.later(hours=1))
            failed = fields(at.wait_for(loop, "failed"))
            assert (failed["orchestration"], failed["exit_code"]) == ("a", "2")
            until = time.monotonic() + 20
            while not service.got and time.monotonic() < until:
                time.sleep(0.02)
            at.shop.query.write_text(query)
            loop.tick(at.now)
            assert len(at.changes("started")) == 1
    ((_, body),) = service.got
    assert (body["ending"], body["orchestration"], body["run_id"], body["error"]) == (
        "failed",
        "a",
        None,
        failed["error"],
    )
    assert 'names the query "purchases"' in failed["error"]
