"""A small audience is read and written in few queries, a large one share by share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from connector.destinations import audience_membership as member_changes
from connector.ledger.ledger import open_ledger
from connector.simulator.server import Simulator
from tests.audiences.shop import Shop, members, wanted
from tests.audiences.test_mirror import person


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the statements that reach the members' table."""
    seen: list[str] = []

    def collect(*given: Any) -> None:
        if "digests" in given[2] and "member_changes" not in given[2]:
            seen.append(given[2])

    event.listen(Engine, "before_cursor_execute", collect)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", collect)


def test_eighty_people_are_read_in_one_query_each_time(shop: Shop) -> None:
    for first in (0, 5):
        shop.people([person(number) for number in range(first, first + 80)])
        with statements() as seen:
            shop.run()
        assert sum(one.startswith("SELECT") for one in seen) <= 6
        assert sum(one.startswith("INSERT") for one in seen) == 1


@pytest.mark.parametrize("small", [0, 20, 60])
def test_an_audience_of_any_size_is_compared_and_settled_alike(
    shop: Shop, tiktok: Simulator, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_changes, "SMALL_AUDIENCE", small)
    for first, count in ((0, 30), (10, 50), (40, 10)):
        people = [person(number) for number in range(first, first + count)]
        shop.people(people)
        shop.run()
        assert members(tiktok) == wanted(people)
    with open_ledger(shop.project.ledger_url) as ledger:
        (audience,) = ledger.members.audiences()
        assert sum(audience.members.values()) == len(wanted(people))
