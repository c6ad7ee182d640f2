"""The service is gone in the middle of a run, and comes back."""

from pathlib import Path

import pytest

from tests.cli.command import checked, ended, inside, started
from tests.cli.shop import NAME
from tests.cli.tiktok import Reply
from tests.crash import market
from tests.crash.account import check, check_runs, open_runs, whole_runs
from tests.crash.scene import POISONED, World, grown
from tests.crash.service import Gated, Service, listening


@pytest.mark.thorough
def test_a_run_that_lost_the_network_is_finished_by_the_next(tmp_path: Path, world: World) -> None:
    with listening() as place:
        play = grown(tmp_path / "shop", World(place, world.launcher))
        gone = Gated(POISONED, [*play.service.taken], at_once=30, then=Reply(reset=True))
        place.begin(gone)
        process = started("run", NAME, "--json", project=play.shop.directory)
        assert gone.waiting.wait(60)
    # Nobody listens any more; the request that waits is torn down.
    gone.gate.set()
    lost = ended(process)
    assert (lost.code, checked(lost.json)["status"]) == (1, "failed")
    assert "No connection to TikTok" in lost.sentence
    assert open_runs(play.shop) == [lost.json["run_id"]]
    with listening(int(place.url.rpartition(":")[2])) as back:
        play.service = Service(POISONED, gone.taken)
        back.begin(play.service)
        again = inside("run", NAME, "--json", project=play.shop.directory)
    assert (again.code, again.json["resumed"]) == (0, [lost.json["run_id"]])
    assert check(play, market.expected()) == []
    check_runs(play, whole_runs(play.shop))
