"""Two processes on one orchestration: one works, the other says who does; when that one dies, the next goes on."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.command import inside, started
from tests.cli.shop import NAME
from tests.crash import market
from tests.crash.account import check, check_runs, open_runs, whole_runs
from tests.crash.scene import POISONED, Play, Scene
from tests.crash.service import Gated


@contextmanager
def at_work(scene: Scene, directory: Path) -> Iterator[tuple[Play, int]]:
    """A run whose first request is on its way, and the id of its process, which is killed at the end."""
    service = Gated(POISONED)
    play = scene.copied(directory, service)
    process = started("run", NAME, project=play.shop.directory)
    try:
        assert service.waiting.wait(60)
        yield play, process.pid
    finally:
        process.kill()
        process.communicate()
        service.gate.set()


def test_whoever_comes_second_is_told_who_is_at_work(tmp_path: Path, mended: Scene) -> None:
    with at_work(mended, tmp_path / "shop") as (play, process):
        (running,), (finished, _) = open_runs(play.shop), whole_runs(play.shop)
        commands = (["run", NAME], ["resume", running], ["retry", finished])
        outcomes = [inside(*command, project=play.shop.directory) for command in commands]
        whatever_is_open = inside("resume", project=play.shop.directory)
        what_is_not_finished = inside("retry", running, project=play.shop.directory)
    for outcome in outcomes:
        assert (outcome.code, outcome.stdout) == (1, "")
        assert f"is being run by process {process} on {socket.gethostname()} since" in outcome.sentence
    assert (whatever_is_open.code, what_is_not_finished.code) == (2, 2)
    assert "no run to resume" in whatever_is_open.sentence
    assert "not finished" in what_is_not_finished.sentence


@pytest.mark.parametrize("how", ["run", "resume"])
def test_when_the_one_at_work_is_killed_the_next_goes_on_at_once(tmp_path: Path, second_day: Scene, how: str) -> None:
    with at_work(second_day, tmp_path / "shop") as (play, _):
        (running,) = open_runs(play.shop)
    outcome = inside(how, *([NAME] if how == "run" else []), "--json", project=play.shop.directory)
    assert outcome.code == 0, outcome
    assert running in (outcome.json["run_id"], *outcome.json["resumed"])
    assert check(play, market.expected()) == []
    check_runs(play, whole_runs(play.shop))
