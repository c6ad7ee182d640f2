"""A disk that fills up while an audience is staged: nothing of it changes, and the run says why it failed."""

from typing import Any

import pytest

from connector.simulator.server import Simulator
from tests.audiences.shop import NAME, Shop, members, wanted
from tests.audiences.test_mirror import person
from tests.cli.command import inside
from tests.cli.shop import Shop as Project
from tests.crash.test_disk import on_a_small_disk

FEW = [person(number) for number in range(1, 21)]
MANY = [person(number) for number in range(1, 20_001)]


def last_run(shop: Shop) -> dict[str, Any]:
    run: dict[str, Any] = inside("runs", "--json", project=shop.directory).json["runs"][0]
    return run


@pytest.mark.parametrize("size", ["1m", pytest.param("3m", marks=pytest.mark.thorough), "6m"])
def test_a_full_disk_changes_no_audience(shop: Shop, tiktok: Simulator, size: str) -> None:
    """It fills up while people are read, while they are compared, or while what changes is written."""
    shop.people(FEW)
    shop.run()
    shop.people(MANY)
    failed = on_a_small_disk(Project(shop.directory), size, "run", NAME, "--yes", "--json")
    assert (failed.code, "No space left on device. Nothing was sent" in failed.sentence) == (1, True)
    record = last_run(shop)
    assert (record["run_id"], record["status"]) == (failed.json["run_id"], "failed")
    assert members(tiktok) == wanted(FEW)
    shop.run()
    assert members(tiktok) == wanted(MANY)
