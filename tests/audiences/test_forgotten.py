"""Whoever is to be forgotten is in no audience any more, and comes into none again."""

from pathlib import Path
from typing import Any

import pytest

from connector.errors import ResumableError
from connector.privacy.forget import Person, forget_person
from connector.simulator.faults import Fault
from connector.simulator.server import Simulator
from tests.audiences.shop import Shop, members, open_shop, wanted
from tests.audiences.test_mirror import MAPPING, person
from tests.cli.command import inside

PEOPLE = [person(number) for number in range(1, 40)]
ADDRESS = " <PERSON.9+X@EXAMPLE.COM>;"
"""Another spelling of what the warehouse has of the ninth person."""


def forget(shop: Shop) -> dict[str, Any]:
    return forget_person(shop.project, Person(email=ADDRESS))


@pytest.mark.parametrize("mode", ["mirror", "add"])
def test_a_member_is_taken_out_and_never_put_in_again(tmp_path: Path, tiktok: Simulator, mode: str) -> None:
    shop = open_shop(tmp_path / "shop", tiktok.url, mode=mode)
    shop.people(PEOPLE)
    shop.run()
    (removed,) = forget(shop)["audiences"]
    assert (removed["audience"], removed["identifiers"], removed["removed"]) == ("VIP", 1, True)
    email = {one for one in wanted([person(9)]) if one[0] == "EMAIL_SHA256"}
    assert members(tiktok) == wanted(PEOPLE) - email
    shop.people([*PEOPLE, person(50)])
    record = shop.run()
    assert record.skips["suppressed"] == 1
    assert email.isdisjoint(members(tiktok))
    assert wanted([person(50)]) <= members(tiktok)


def test_what_was_staged_before_leaves_without_them(tmp_path: Path) -> None:
    with Simulator(faults=[Fault("code", path=MAPPING, code=40105, times=1)]) as tiktok:
        shop = open_shop(tmp_path / "shop", tiktok.url)
        shop.people(PEOPLE)
        with pytest.raises(ResumableError):
            shop.run()
        assert forget(shop)["audiences"] == []
        shop.run()
        assert members(tiktok) == wanted(PEOPLE) - wanted([person(9)])


def test_where_tiktok_cannot_be_asked_the_receipt_says_so(tmp_path: Path) -> None:
    with Simulator() as tiktok:
        shop = open_shop(tmp_path / "shop", tiktok.url, retry={"max_attempts": 1, "timeout": 0.5})
        shop.people(PEOPLE)
        shop.run()
    (kept,) = forget(shop)["audiences"]
    assert kept["removed"] is False
    assert "TikTok" in kept["error"]
    told = inside("forget", "--email", ADDRESS, project=shop.directory).stdout
    assert f"audience  {kept['audience_id']}  VIP: 1 identifier not deleted: {kept['error']}" in told


def test_the_command_reports_what_it_deleted_from_audiences(tmp_path: Path, tiktok: Simulator) -> None:
    shop = open_shop(tmp_path / "shop", tiktok.url)
    shop.people(PEOPLE)
    shop.run()
    told = inside("forget", "--email", ADDRESS, project=shop.directory).stdout
    assert "  VIP: 1 identifier deleted\n" in told
