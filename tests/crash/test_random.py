"""Killed at any moment, two hundred times: `make crash`."""

import random
import time
from pathlib import Path

import pytest

from tests.cli.command import inside
from tests.cli.shop import NAME
from tests.crash import market
from tests.crash.account import check, check_runs, open_runs, whole_runs
from tests.crash.scene import Scene, World, grown

KILLS = 200
IN_FLIGHT = 3
PROBES = 8
"""Answers to single events that are tried are written down together."""


@pytest.fixture(scope="session")
def hurried(tmp_path_factory: pytest.TempPathFactory, world: World) -> Scene:
    """The second day's rows are there, and several requests may be in flight."""
    return grown(tmp_path_factory.mktemp("hurried") / "shop", world, max_in_flight=IN_FLIGHT).kept()


@pytest.fixture(scope="session")
def seconds(tmp_path_factory: pytest.TempPathFactory, hurried: Scene) -> float:
    """How long a whole run takes on this machine."""
    play = hurried.copied(tmp_path_factory.mktemp("whole") / "shop")
    began = time.monotonic()
    play.ended_well("run", NAME)
    return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_at_any_moment_a_run_goes_on_to_the_whole(
    tmp_path: Path, hurried: Scene, seconds: float, seed: int
) -> None:
    """Every third time, what goes on is killed as well."""
    chance = random.Random(seed)
    play = hurried.copied(tmp_path / "shop")
    moments = [chance.uniform(0, seconds) for _ in range(2 if seed % 3 == 0 else 1)]
    print(f"seed {seed}: killed after {moments} seconds")
    play.killed_after(moments[0], "run", NAME)
    for moment in moments[1:]:
        play.killed_after(moment, "run", NAME)
    how = "resume" if open_runs(play.shop) and chance.random() < 0.5 else "run"
    outcome = inside(how, *([NAME] if how == "run" else []), "--json", project=play.shop.directory)
    assert outcome.code == 0, outcome
    assert open_runs(play.shop) == []
    assert len(check(play, market.expected())) <= (IN_FLIGHT + PROBES) * len(moments)
    check_runs(play, whole_runs(play.shop))
