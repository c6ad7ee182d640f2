"""`connector start` for real: one orchestration fails now and then, one is killed, and every row is accounted for."""

import os
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import checked, inside
from tests.cli.tiktok import OK, Reply, TikTok, serving
from tests.scheduler.station import Started, Station, station

ROWS = 40
REVOKED = Reply(code=40105, message="The token is revoked.")


def of(body: dict[str, Any]) -> str:
    """The orchestration that sent a request."""
    event_id: str = body["data"][0]["event_id"]
    return event_id.split("-", maxsplit=1)[0]


def settle(at: Station, tiktok: TikTok) -> list[dict[str, Any]]:
    """Resumes what is left, and checks every run against what TikTok took."""
    tiktok.answer = lambda body: OK
    while inside("resume", project=at.shop.directory).code == 0:
        pass
    runs = [
        checked(run)
        for run in inside("runs", "list", "--limit", "1000", "--json", project=at.shop.directory).json["runs"]
    ]
    taken = Counter(event["event_id"] for event in tiktok.events)
    assert all(run["status"] == "completed" and run["rows"]["delivered"] == ROWS for run in runs)
    assert len(taken) == ROWS * len(runs), "each run's events are its own, and all of them came"
    lost = at.asked("SELECT count(*) FROM requests WHERE code = 0")[0][0]
    assert len(tiktok.accepted) >= lost
    assert at.asked("SELECT * FROM locks") == []
    return runs


@pytest.mark.thorough
def test_some_seconds_of_three_orchestrations_with_a_failure_a_kill_and_a_restart(tmp_path: Path) -> None:
    with serving() as tiktok:
        at = station(
            tmp_path / "shop", tiktok.url, {name: {"every": "9s"} for name in "ab"} | {"c": {"after": "a"}}, rows=ROWS
        )
        go_on = threading.Event()

        def answer(body: dict[str, Any]) -> Reply:
            if of(body) == "c":
                go_on.wait(20)
            return REVOKED if of(body) == "b" and not go_on.is_set() else OK

        tiktok.answer = answer
        first = Started(at)
        first.wait_for(lambda: any(one["orchestration"] == "c" for one in first.changes("started")))
        first.wait_for(lambda: any(one["status"] == "failed" for one in first.changes("ended")))
        assert {one["orchestration"] for one in first.changes("ended") if one["status"] == "failed"} == {"b"}
        (killed,) = [one["process"] for one in first.changes("started") if one["orchestration"] == "c"]
        os.kill(int(killed), signal.SIGKILL)
        first.wait_for(lambda: first.changes("killed"))
        status, health = first.health()
        assert (status, health["status"], sorted(health["next_due"])) == (200, "up", ["a", "b", "c"])
        assert first.stop() == 0
        go_on.set()

        second = Started(at)
        second.wait_for(lambda: any(one["orchestration"] == "c" for one in second.changes("ended")))
        assert second.stop() == 0
        runs = settle(at, tiktok)
    assert {run["orchestration"] for run in runs} == {"a", "b", "c"}
    told = [line.split()[1] for line in first.lines]
    assert (told[0], told.count("stopping"), told[-1]) == ("up", 1, "down")


@pytest.mark.slow
def test_some_minutes_of_three_orchestrations_of_which_one_fails_now_and_then_and_one_is_killed(tmp_path: Path) -> None:
    """`make soak`: three minutes, each orchestration every 20 seconds; every third request of b fails."""
    with serving() as tiktok:
        at = station(tmp_path / "shop", tiktok.url, {name: {"every": "20s"} for name in "abc"}, rows=ROWS)
        asked: Counter[str] = Counter()

        def answer(body: dict[str, Any]) -> Reply:
            asked[of(body)] += 1
            if of(body) == "c":
                time.sleep(1)
            return REVOKED if of(body) == "b" and asked["b"] % 3 == 0 else OK

        tiktok.answer = answer
        started = Started(at)
        until, kills = time.monotonic() + 180, 0
        while time.monotonic() < until:
            running = [one for one in started.changes("started") if one["orchestration"] == "c"]
            if len(running) > 2 * kills:
                seen = asked["c"]
                started.wait_for(lambda seen=seen: asked["c"] > seen)  # type: ignore[misc]
                with suppress(ProcessLookupError):
                    os.kill(int(running[-1]["process"]), signal.SIGKILL)
                kills += 1
            time.sleep(0.05)
        assert started.stop() == 0
        assert len(started.changes("killed")) == kills > 1
        assert any(one["status"] == "failed" for one in started.changes("ended"))
        runs = settle(at, tiktok)
    assert all(count >= 3 for count in Counter(run["orchestration"] for run in runs).values())
