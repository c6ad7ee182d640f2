"""Projects that many tests go on from."""

from collections.abc import Iterator

import pytest

from tests.cli.command import inside
from tests.cli.shop import NAME
from tests.crash import market
from tests.crash.scene import Launcher, Moment, Scene, World, grown
from tests.crash.service import listening


@pytest.fixture(scope="session")
def world(launcher: Launcher) -> Iterator[World]:
    with listening() as place:
        yield World(place, launcher)


@pytest.fixture(scope="session")
def second_day(tmp_path_factory: pytest.TempPathFactory, world: World) -> Scene:
    """The first day is delivered, and the second day's rows are there."""
    return grown(tmp_path_factory.mktemp("second") / "shop", world).kept()


@pytest.fixture(scope="session")
def unstaged(tmp_path_factory: pytest.TempPathFactory, second_day: Scene) -> Scene:
    """A run died before the ledger knew that it was staged."""
    play = second_day.copied(tmp_path_factory.mktemp("unstaged") / "shop")
    play.killed(Moment("ledger.runs:Runs.staged", "before"), "run", NAME)
    return play.kept()


@pytest.fixture(scope="session")
def halved(tmp_path_factory: pytest.TempPathFactory, second_day: Scene) -> Scene:
    """A run died while a batch with a poisoned event was being halved; of a part the answer is lost."""
    play = second_day.copied(tmp_path_factory.mktemp("halved") / "shop")
    play.killed(Moment("ledger.batches:Batches.settled", "before", 12), "run", NAME)
    return play.kept()


@pytest.fixture(scope="session")
def mended(tmp_path_factory: pytest.TempPathFactory, second_day: Scene) -> Scene:
    """A run left rows out, and what was wrong with them has been put right."""
    play = second_day.copied(tmp_path_factory.mktemp("mended") / "shop")
    done = inside("run", NAME, "--json", project=play.shop.directory)
    assert (done.code, done.json["status"]) == (0, "completed_with_rejects"), done
    market.mend(play.shop.warehouse)
    return play.kept()
