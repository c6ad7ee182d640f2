"""A run of an audience that is held to a plan adds and removes nearly as many people as were planned, and no more."""

import pytest

import connector
from connector.errors import PlanChanged
from connector.simulator.server import Simulator
from tests.audiences.shop import NAME, Shop, members, wanted


def people(first: int, last: int) -> list[dict[str, str]]:
    return [{"email": f"{number}@example.com"} for number in range(first, last)]


@pytest.mark.parametrize(
    ("planned", "current", "told"),
    [
        ((0, 90), (0, 90), None),
        ((0, 90), (0, 89), None),
        ((10, 110), (12, 112), "identifiers added 12 (planned: 10)"),
        ((0, 110), (2, 112), "identifiers removed 2 (planned: 0)"),
        ((0, 90), (0, 80), "identifiers removed 20 (planned: 10)"),
    ],
)
def test_an_audience_changes_as_planned(
    shop: Shop, tiktok: Simulator, planned: tuple[int, int], current: tuple[int, int], told: str | None
) -> None:
    shop.people(people(0, 100))
    shop.run()
    shop.people(people(*planned))
    project = connector.open_project(shop.directory)
    plan = project.plan(NAME)
    shop.people(people(*current))
    if told is None:
        project.run(NAME, plan=plan, confirm=True)
        assert members(tiktok) == wanted(people(*current))
        return
    with pytest.raises(PlanChanged) as refused:
        project.run(NAME, plan=plan, confirm=True)
    assert told in refused.value.message
    assert members(tiktok) == wanted(people(0, 100))
    shop.run()
    assert members(tiktok) == wanted(people(*current))
