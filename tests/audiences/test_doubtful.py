"""What was sent to an audience and never answered is settled before anybody relies on it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
from sqlalchemy import update

from connector.errors import ResumableError
from connector.ledger.ledger import open_ledger
from connector.ledger.tables import batches
from connector.simulator.faults import Fault
from connector.simulator.server import Simulator
from tests.audiences.shop import Shop, members, open_shop, wanted
from tests.audiences.test_forgotten import forget
from tests.audiences.test_mirror import MAPPING, person

BEFORE = [person(number) for number in range(1, 21)]
AFTER = [person(number) for number in range(11, 31)]
NINTH = {one for one in wanted([person(9)]) if one[0] == "EMAIL_SHA256"}
RETRY = {"max_attempts": 1, "first_wait": 0, "timeout": 0.3}


@pytest.fixture
def shop(tmp_path: Path, tiktok: Simulator) -> Shop:
    return open_shop(tmp_path / "shop", tiktok.url, retry=RETRY, rows_per_request=5, max_change_percent=100)


@contextmanager
def spoilt(tiktok: Simulator, *faults: Fault) -> Iterator[None]:
    """In the block requests go wrong, and the run stops."""
    tiktok.world.faults.add(faults)
    with pytest.raises(ResumableError):
        yield
    tiktok.world.faults.clear()


def killed(shop: Shop) -> None:
    """As if the process had died before it could write down that no answer came, and its stage were gone."""
    with open_ledger(shop.project.ledger_url) as ledger, ledger.database.writing() as connection:
        connection.execute(update(batches).where(batches.c.state == "unknown").values(state="sending"))
    rmtree(shop.project.state_directory / "runs")


def without_stage(shop: Shop) -> None:
    rmtree(shop.project.state_directory / "runs")


@pytest.mark.parametrize("after", [killed, without_stage])
@pytest.mark.parametrize("kind", ["lost", "reset"])
@pytest.mark.parametrize("people", [BEFORE, AFTER], ids=["as before", "changed"])
def test_changes_of_which_no_answer_came_are_compared_again_once_their_stage_is_gone(
    shop: Shop, tiktok: Simulator, kind: str, people: list[dict[str, Any]], after: Callable[[Shop], None]
) -> None:
    shop.people(BEFORE)
    shop.run()
    shop.people(AFTER)
    with spoilt(tiktok, Fault(kind, path=MAPPING)):
        shop.run()
    after(shop)
    shop.people(people)
    shop.run()
    assert members(tiktok) == wanted(people)


@pytest.mark.parametrize("spoilt_request", range(2, 6))
def test_one_change_that_is_given_up_holds_up_none_of_the_others_for_good(
    shop: Shop, tiktok: Simulator, spoilt_request: int
) -> None:
    shop.people(BEFORE)
    shop.run()
    shop.people(AFTER)
    with spoilt(tiktok, Fault("error", path=MAPPING, skip=spoilt_request, times=1)):
        shop.run()
    assert members(tiktok) != wanted(AFTER)
    shop.run()
    assert members(tiktok) == wanted(AFTER)


@pytest.mark.parametrize("mode", ["mirror", "add"])
@pytest.mark.parametrize("kind", ["lost", "reset"])
def test_who_may_have_been_added_is_deleted_when_they_are_forgotten(
    tmp_path: Path, tiktok: Simulator, kind: str, mode: str
) -> None:
    shop = open_shop(tmp_path / "shop", tiktok.url, retry=RETRY, mode=mode)
    shop.people(BEFORE)
    with spoilt(tiktok, Fault(kind, path=MAPPING)):
        shop.run()
    (removed,) = forget(shop)["audiences"]
    assert (removed["identifiers"], removed["removed"]) == (1, True)
    assert NINTH.isdisjoint(members(tiktok))
    shop.run()
    assert wanted(BEFORE) - wanted([person(9)]) <= members(tiktok) <= wanted(BEFORE) - NINTH


def test_who_was_added_by_a_run_that_stopped_is_deleted_when_they_are_forgotten(
    tmp_path: Path, tiktok: Simulator
) -> None:
    shop = open_shop(tmp_path / "shop", tiktok.url, retry=RETRY, mode="add", rows_per_request=10, max_in_flight=1)
    shop.people(BEFORE)
    with spoilt(tiktok, Fault("code", path=MAPPING, code=40105, skip=1)):
        shop.run()
    assert members(tiktok) >= NINTH
    without_stage(shop)
    assert [one["removed"] for one in forget(shop)["audiences"]] == [True]
    assert NINTH.isdisjoint(members(tiktok))


def test_an_audience_that_is_held_keeps_its_member_and_the_receipt_says_so(shop: Shop, tiktok: Simulator) -> None:
    shop.people(BEFORE)
    shop.run()
    (audience,) = tiktok.world.audiences.values()
    project = shop.project
    held = f"the audience {audience.audience_id}"
    with open_ledger(project.ledger_url) as ledger, ledger.lock(project.state_directory, held, project.target):
        (kept,) = forget(shop)["audiences"]
        assert (kept["identifiers"], kept["removed"], held in kept["error"]) == (1, False, True)
        assert members(tiktok) == wanted(BEFORE)
    assert [one["removed"] for one in forget(shop)["audiences"]] == [True]
    assert members(tiktok) == wanted(BEFORE) - NINTH


def test_additions_are_staged_before_deletions(shop: Shop) -> None:
    shop.people(BEFORE)
    shop.run()
    shop.people(AFTER)
    run_id = shop.run().run_id
    with open_ledger(shop.project.ledger_url) as ledger:
        actions = [batch.route.operation.action for batch in ledger.batches.all(run_id)]
    assert actions == sorted(actions)
    assert set(actions) == {"add", "delete"}
