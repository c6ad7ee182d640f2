"""Audiences among the orchestrations that run by themselves, and one that is broken."""

import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.errors import ConfigurationError
from connector.scheduler.loop import SchedulerLoop
from connector.simulator.server import Simulator
from tests.audiences.shop import ADVERTISER, NAME, members
from tests.cli.command import inside
from tests.scheduler.station import SECONDS_A_RUN_MAY_TAKE, Station, fields, station

AUDIENCE = "SELECT 'person' || n || '@example.com' AS email FROM range(20) AS t (n)"


def with_audience(at: Station, url: str, every: str) -> Path:
    """Adds an automatic audience; gives the file of its query."""
    settings = yaml.safe_load(at.shop.settings.read_text())
    settings["destinations"]["audience"] = {
        "type": "tiktok_audience",
        "credential": "tiktok",
        "advertiser_ids": [ADVERTISER],
        "audience": "VIP",
        "requests_per_second": 1000,
        "api_url": url,
    }
    settings["orchestrations"][NAME] = {
        "query": NAME,
        "warehouse": settings["orchestrations"]["a"]["warehouse"],
        "destination": "audience",
        "workflow": "automatic",
        "schedule": {"every": every},
    }
    at.shop.settings.write_text(yaml.safe_dump(settings))
    query = at.shop.query.with_name(f"{NAME}.sql")
    query.write_text(AUDIENCE)
    return query


def break_one(at: Station, name: str, **values: Any) -> None:
    settings = yaml.safe_load(at.shop.settings.read_text())
    settings["orchestrations"][name].update(values)
    at.shop.settings.write_text(yaml.safe_dump(settings))


def told(at: Station, name: str, *kinds: str) -> list[dict[str, str]]:
    """What was said of an orchestration."""
    return [one for one in map(fields, at.changes(*kinds)) if one["orchestration"] == name]


def an_hour_later(at: Station, loop: SchedulerLoop) -> dict[str, str]:
    """How the next run of the audience ended."""
    before, until = len(told(at, NAME, "failed", "ended")), time.monotonic() + SECONDS_A_RUN_MAY_TAKE
    loop.tick(at.later(hours=1))
    while len(ended := told(at, NAME, "failed", "ended")) == before:
        assert time.monotonic() < until, at.lines
        time.sleep(0.02)
        loop.tick(at.now)
    return ended[-1]


def test_an_audience_is_run_like_any_other_and_what_is_to_be_agreed_to_fails_its_run_alone(tmp_path: Path) -> None:
    with Simulator() as tiktok:
        at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "4h"}, "broken": {"every": "1h"}})
        query = with_audience(at, tiktok.url, every="1h")
        break_one(at, "broken", query="{{ env.NOBODY_SETS_THIS }}")
        with at.loop() as loop:
            refusal = an_hour_later(at, loop)
            assert refusal["exit_code"] == "2"
            assert 'creates the audience "VIP"' in refusal["error"]
            assert "`--yes`" in refusal["error"]
            assert inside("run", NAME, "--yes", project=at.shop.directory).code == 0
            assert an_hour_later(at, loop)["status"] == "completed"
            assert len(members(tiktok)) == 20

            query.write_text(AUDIENCE.replace("20", "30"))
            large = an_hour_later(at, loop)
            assert (large["status"], "10 identifiers are added and 0 removed" in large["error"]) == ("failed", True)
            query.write_text(f"{AUDIENCE} WHERE false")
            # The other orchestration is due too, at four o'clock.
            empty = an_hour_later(at, loop)
            assert (empty["status"], "`--allow-empty`" in empty["error"]) == ("failed", True)
            assert len(members(tiktok)) == 20
            if not told(at, "a", "ended"):
                at.wait_for(loop, "ended")
            assert [one["status"] for one in told(at, "a", "ended")] == ["completed"]

            query.write_text(AUDIENCE.replace("20", "22"))
            assert an_hour_later(at, loop)["status"] == "completed"
            assert len(members(tiktok)) == 22
            health = loop.status.as_json()
            assert (health["status"], health["broken"]) == ("up", ["broken"])
            assert set(health["next_due"]) == {"a", NAME}
    assert told(at, "broken", "started") == []
    assert at.changes("refused")
    for refused in map(fields, at.changes("refused")):
        assert refused["orchestration"] == "broken"
        assert "NOBODY_SETS_THIS" in refused["problem"]
        assert "orchestrations.yaml:" in refused["problem"]


def test_only_where_none_can_run_nothing_is_started(tmp_path: Path) -> None:
    with Simulator() as tiktok:
        at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}, "b": {"every": "1h"}})
        for name in "ab":
            break_one(at, name, query=f"{{{{ env.NOBODY_SETS_{name.upper()} }}}}")
        with pytest.raises(ConfigurationError) as caught, at.loop():
            pass
    assert ["NOBODY_SETS_A" in str(caught.value), "NOBODY_SETS_B" in str(caught.value)] == [True, True]


MAY, MAY_NOT = {"r": {"users": ["*"], "admin": True}}, {"r": {"users": ["somebody-else"], "admin": True}}


def give_roles(at: Station, roles: dict[str, Any]) -> None:
    settings = yaml.safe_load(at.shop.settings.read_text())
    at.shop.settings.write_text(yaml.safe_dump({**settings, "roles": roles}))


def test_without_the_right_to_run_nothing_is_started(tmp_path: Path) -> None:
    at = station(tmp_path / "shop", "simulator", {"a": {"every": "1h"}})
    give_roles(at, MAY_NOT)
    done = inside("start", "--port", "0", project=at.shop.directory)
    assert (done.code, "may not use `connector start`" in done.sentence, "no role names them" in done.sentence) == (
        2,
        True,
        True,
    )


def test_one_that_may_not_be_run_is_refused_at_the_start(tmp_path: Path) -> None:
    at = station(tmp_path / "shop", "simulator", {"a": {"every": "1h"}, "b": {"every": "1h"}})
    settings = yaml.safe_load(at.shop.settings.read_text())
    settings["destinations"]["secret"] = {**settings["destinations"]["stores"], "admin_only": True}
    settings["orchestrations"]["b"]["destination"] = "secret"
    at.shop.settings.write_text(yaml.safe_dump(settings))
    give_roles(at, {"r": {"users": ["*"], "pii": True}, "s": {"users": ["somebody-else"], "admin": True}})
    with at.loop() as loop:
        (refused,) = at.changes("refused")
        assert fields(refused)["orchestration"] == "b"
        assert "for admins only" in refused
        loop.tick(at.now)
        assert set(loop.status.as_json()["next_due"]) == {"a"}


def test_a_right_that_is_taken_away_counts_at_once(tmp_path: Path) -> None:
    at = station(tmp_path / "shop", "simulator", {"a": {"every": "1h"}})
    give_roles(at, MAY)
    with at.loop() as loop:
        give_roles(at, MAY_NOT)
        for _ in range(2):
            loop.tick(at.now)
        assert 'changed what="a may not be run any more"' in at.changes("changed")
        (refused,) = at.changes("refused")
        assert "no role names them" in refused
        assert loop.status.as_json()["next_due"] == {}


def test_a_change_is_taken_although_another_orchestration_has_been_broken_from_the_start(tmp_path: Path) -> None:
    with Simulator() as tiktok:
        at = station(tmp_path / "shop", tiktok.url, {"a": {"every": "1h"}, "b": {"every": "1h"}})
        good = at.shop.settings.read_text()
        break_one(at, "b", query="nothing_of_this_name")

        def looked() -> list[str]:
            at.lines.clear()
            for _ in range(2):
                loop.tick(at.now)
            return at.changes("changed", "refused")

        with at.loop() as loop:
            assert [fields(line)["orchestration"] for line in at.changes("refused")] == ["b"]
            break_one(at, "a", schedule={"every": "3h"})
            assert looked() == ['changed what="a runs every 3h now, before every 1h"']
            break_one(at, "a", query="nothing_of_this_name_either")
            (refused,) = looked()
            assert "nothing_of_this_name_either" in refused
            assert loop.status.as_json()["files"] == "refused"
            at.shop.settings.write_text(good)
            assert sorted(looked()) == [
                'changed what="a runs every 1h now, before every 3h"',
                'changed what="b is automatic now (every 1h)"',
            ]
            assert loop.status.as_json()["broken"] == []
