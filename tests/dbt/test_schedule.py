"""Orchestrations that run after dbt."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import inside
from tests.cli.shop import Shop
from tests.dbt.project import Beside, beside_recorded, write_results
from tests.notifications.service import listening
from tests.scheduler.station import Station, fields

AFTER = {"workflow": "automatic", "schedule": {"after": "dbt"}}


def scheduled(directory: Path, **orchestration: Any) -> tuple[Beside, Station]:
    """A project whose orchestration runs after dbt, and a loop whose clock is the present."""
    dbt = {"manifest": "target/manifest.json", "target": "prod"}
    made = beside_recorded(directory, dbt=dbt, **{**AFTER, **(orchestration or {"model": "fct_orders"})})
    return made, Station(Shop(directory), now=datetime.now(UTC))


def test_it_runs_once_for_each_build(tmp_path: Path) -> None:
    made, at = scheduled(tmp_path / "sends")
    with at.loop() as loop:
        loop.tick(at.later(seconds=1))
        assert at.changes("started") == [], "what was built before it started is over"
        write_results(made, minutes_ago=-1)
        loop.tick(at.later(minutes=2))
        assert fields(at.wait_for(loop, "ended"))["status"] == "completed"
        loop.tick(at.later(minutes=1))
        assert len(at.changes("started")) == 1
        write_results(made, minutes_ago=-5)
        loop.tick(at.later(minutes=10))
        at.wait_for(loop, "ended")
        assert len(at.changes("started")) == 2


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        ({"fct_orders": "error"}, 'The dbt model "fct_orders" failed at'),
        ({"fct_orders": "skipped"}, 'The dbt model "fct_orders" was skipped at'),
        ({"unique_fct_orders_order_id": "fail"}, 'The test "unique_fct_orders_order_id" of the dbt model'),
        ({"fct_orders": "absent"}, None),
        ({"args": {"which": "test"}}, None),
        ({"args": {"which": "compile"}}, None),
        ({"args": {"target": "dev"}}, None),
    ],
)
def test_it_does_not_run_after_builds_that_are_not_good(
    tmp_path: Path, results: dict[str, Any], reason: str | None
) -> None:
    made, at = scheduled(tmp_path / "sends")
    with at.loop() as loop:
        write_results(made, minutes_ago=-1, **results)
        for text in (made.manifest.read_text(), made.manifest.read_text() + "\n"):
            made.manifest.write_text(text)
            for _ in range(3):
                loop.tick(at.later(minutes=2))
        assert at.changes("started", "trouble", "waiting") == []
        held = [fields(line) for line in at.changes("held")]
        assert [one["because"].startswith(reason or "") for one in held] == ([True] if reason else [])
        write_results(made, minutes_ago=-20)
        loop.tick(at.later(minutes=30))
        assert fields(at.wait_for(loop, "ended"))["status"] == "completed"


def test_a_held_back_run_is_notified_of(tmp_path: Path) -> None:
    made, at = scheduled(tmp_path / "sends")
    with listening() as service, at.loop() as loop:
        settings = yaml.safe_load(made.settings.read_text())
        settings["notifications"] = {"us": {"webhook": service.webhook}}
        settings["orchestrations"]["orders"]["notify"] = {"us": ["failed"]}
        made.settings.write_text(yaml.safe_dump(settings))
        for _ in range(2):
            loop.tick(at.later(seconds=1))
        write_results(made, minutes_ago=-1, fct_orders="error")
        loop.tick(at.later(minutes=2))
        until = time.monotonic() + 20
        while not service.got and time.monotonic() < until:
            time.sleep(0.02)
        assert ['The dbt model "fct_orders" failed' in str(body) for _, body in service.got] == [True]


def test_a_query_without_models_follows_the_whole_build(tmp_path: Path) -> None:
    made, at = scheduled(tmp_path / "sends", query="orders")
    made.query("SELECT * FROM marts.fct_orders")
    with at.loop() as loop:
        write_results(made, minutes_ago=-1, shops="error")
        loop.tick(at.later(minutes=2))
        assert 'because="\\"shops\\" failed' in at.changes("held")[0] or "shops failed" in at.changes("held")[0]
        write_results(made, minutes_ago=-3)
        loop.tick(at.later(minutes=2))
        assert fields(at.wait_for(loop, "ended"))["status"] == "completed"


def test_a_build_that_is_not_written_yet_is_waited_for(tmp_path: Path) -> None:
    made, at = scheduled(tmp_path / "sends")
    path = made.manifest.with_name("run_results.json")
    with at.loop() as loop:
        write_results(made, minutes_ago=-1)
        text = path.read_text()
        path.write_text(text[:200])
        loop.tick(at.later(minutes=2))
        assert at.changes("started", "trouble", "held") == []
        path.write_text(text)
        loop.tick(at.now)
        assert fields(at.wait_for(loop, "ended"))["status"] == "completed"


def test_a_changed_manifest_is_read_again(tmp_path: Path) -> None:
    made, at = scheduled(tmp_path / "sends")
    text = made.manifest.read_text()
    with at.loop() as loop:
        made.manifest.write_text(text.replace('"fct_orders"', '"gone"'))
        for _ in range(2):
            loop.tick(at.later(seconds=1))
        assert 'There is no dbt model \\"fct_orders\\"' in at.changes("refused")[0]
        made.manifest.write_text(text)
        for _ in range(2):
            loop.tick(at.later(seconds=1))
        assert not at.changes("trouble", "changed")


@pytest.mark.parametrize("kind", ["no settings", "no manifest", "no orchestration of the name", "its own name"])
def test_a_schedule_that_cannot_work_is_refused(tmp_path: Path, kind: str) -> None:
    made, _ = scheduled(tmp_path / "sends", query="orders")
    made.query("SELECT 1 AS email")
    settings = yaml.safe_load(made.settings.read_text())
    sentence = {
        "no settings": "names dbt, which has no settings: write `dbt: {manifest:",
        "no manifest": "cannot be read (No such file or directory): run `dbt parse`",
        "no orchestration of the name": 'names the orchestration "dbts", which is not in orchestrations',
        "its own name": "orchestrations.dbt has the name that stands for dbt in schedule.after",
    }[kind]
    if kind == "no settings":
        del settings["dbt"]
    elif kind == "no manifest":
        made.manifest.unlink()
    elif kind == "no orchestration of the name":
        settings["orchestrations"]["orders"]["schedule"] = {"after": "dbts"}
    else:
        settings["orchestrations"]["dbt"] = {**settings["orchestrations"]["orders"], "schedule": {"every": "1h"}}
    made.settings.write_text(yaml.safe_dump(settings))
    outcome = inside("validate", "--json", project=made.directory)
    assert [sentence in problem["message"] for problem in outcome.json["problems"]] == [True]
    assert outcome.json["problems"][0]["line"]
