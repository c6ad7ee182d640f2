"""The audience is what the query says, whatever happened on the way."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.core.outcomes import RunStatus
from connector.errors import ResumableError
from connector.ledger.ledger import open_ledger
from connector.ledger.run_records import NewRun
from connector.simulator.faults import Fault
from connector.simulator.server import Simulator
from tests.audiences.reference import members_of
from tests.audiences.shop import NAME, Shop, members, open_shop, wanted

MAPPING = "/segment/mapping/"


def person(number: int) -> dict[str, Any]:
    """Nobody who exists: the domain is reserved for examples, the telephone numbers for fiction."""
    row: dict[str, Any] = {"email": f"Person.{number}+x@example.com" if number % 7 else None}
    row["phone"] = f"+1201555{number % 10_000:04d}" if number % 3 == 0 else None
    row["idfa"] = f"{number:08x}-0000-4000-8000-000000000001" if number % 5 == 0 else None
    return row


def generation(chance: random.Random, size: int, among: int) -> list[dict[str, Any]]:
    return [person(number) for number in chance.choices(range(1, among), k=size)]


def test_additions_and_deletions_over_generations(shop: Shop, tiktok: Simulator) -> None:
    chance = random.Random(7)
    before: set[Any] = set()
    for size in (400, 380, 500, 40, 450):
        rows = generation(chance, size, 700)
        shop.people(rows)
        record, now = shop.run(), wanted(rows)
        assert members(tiktok) == now
        assert record.members is not None
        assert (record.members.added, record.members.removed) == (len(now - before), len(before - now))
        assert record.members.unchanged == len(now & before)
        before = now


def test_a_second_run_of_the_same_people_sends_nothing(shop: Shop, tiktok: Simulator) -> None:
    shop.people([person(number) for number in range(1, 50)])
    shop.run()
    asked = tiktok.tally.requests
    again = shop.run()
    assert again.requests_sent == 0
    assert again.skips == {"already_member": sum(bool(members_of(person(number))) for number in range(1, 50))}
    assert tiktok.tally.requests == asked, "the audience is looked for once, and then known"


def test_rows_that_say_the_same_are_duplicates(shop: Shop) -> None:
    shop.people([person(1), person(2), person(1), {"email": "nobody"}, {}])
    record = shop.run()
    assert (record.rows.delivered, record.skips) == (2, {"duplicate": 1})
    assert record.rejects == {"invalid_identity": 1, "missing_identity": 1}
    assert record.status is RunStatus.COMPLETED_WITH_REJECTS


@pytest.mark.parametrize(
    "fault",
    [
        Fault("lost", path=MAPPING, every=2, times=3),
        Fault("throttle", path=MAPPING, every=2, times=4),
        Fault("error", path=MAPPING, every=2, times=3),
    ],
    ids=["lost answers", "throttling", "errors"],
)
def test_what_goes_wrong_on_the_way_changes_nothing(tmp_path: Any, fault: Fault) -> None:
    with Simulator(faults=[fault]) as tiktok:
        patient = {"first_wait": 0, "longest_wait": 0.01, "timeout": 2}
        shop = open_shop(tmp_path / "shop", tiktok.url, rows_per_request=20, retry=patient)
        for numbers in (range(1, 120), range(60, 200)):
            rows = [person(number) for number in numbers]
            shop.people(rows)
            shop.run()
            assert members(tiktok) == wanted(rows)


def test_an_answer_that_never_came_is_never_taken_for_the_truth(tmp_path: Any) -> None:
    """Additions of which no answer comes: they are made all the same, and deleted when the query no longer has them."""
    lost = Fault("lost", path=MAPPING)
    with Simulator(faults=[lost]) as tiktok:
        shop = open_shop(tmp_path / "shop", tiktok.url, retry={"max_attempts": 1, "timeout": 0.3})
        shop.people([person(1), person(2)])
        with pytest.raises(ResumableError):
            shop.run()
        assert members(tiktok) == wanted([person(1), person(2)])
        tiktok.world.faults.clear()
        shop.people([person(3)])
        shop.project.state_directory.joinpath("runs").rename(shop.directory / "gone")
        shop.run()
        assert members(tiktok) == wanted([person(3)])


def test_an_interrupted_run_is_finished_before_the_next(tmp_path: Any) -> None:
    stop = Fault("code", path=MAPPING, code=40105, skip=2, times=1)
    with Simulator(faults=[stop]) as tiktok:
        shop = open_shop(tmp_path / "shop", tiktok.url, rows_per_request=10, max_in_flight=1)
        rows = [person(number) for number in range(1, 80)]
        shop.people(rows)
        with pytest.raises(ResumableError):
            shop.run()
        assert 0 < len(members(tiktok)) < len(wanted(rows))
        tiktok.world.faults.clear()
        shop.people([*rows, person(200)])
        record = shop.run()
        assert members(tiktok) == wanted([*rows, person(200)])
        assert record.rows.delivered == 1


def test_a_refused_identifier_holds_no_others_back(tmp_path: Any) -> None:
    """TikTok refuses a request whole; it is halved until the row is found."""
    rows = [person(number) for number in range(1, 60)]
    bad = wanted([person(31)])
    with Simulator() as tiktok:
        shop = open_shop(tmp_path / "shop", tiktok.url)
        shop.people(rows)
        tiktok.world.faults.add(Fault("refuse", path=MAPPING, event_id=digest) for _, digest in bad)
        record = shop.run()
        assert members(tiktok) == wanted(rows) - bad
        assert record.rejects["refused_by_tiktok"] == 1
        assert shop.run().rejects["refused_by_tiktok"] == 1, "it is tried again"


def test_adding_never_deletes(tmp_path: Any, tiktok: Simulator) -> None:
    shop = open_shop(tmp_path / "adding", tiktok.url, mode="add")
    shop.people([person(1)])
    shop.run()
    shop.people([person(2)])
    assert shop.run().members.removed == 0  # type: ignore[union-attr]
    assert members(tiktok) == wanted([person(1), person(2)])


def test_removing_removes_whoever_the_query_names(tmp_path: Any, tiktok: Simulator) -> None:
    shop = open_shop(tmp_path / "adding", tiktok.url, mode="add")
    shop.people([person(1), person(2)])
    shop.run()
    removing = open_shop(tmp_path / "removing", tiktok.url, mode="remove")
    removing.people([person(2), person(9)])
    record = removing.run()
    assert members(tiktok) == wanted([person(1)])
    assert record.rows.delivered == 2


def test_an_audience_that_is_being_processed_is_waited_for(shop: Shop, tiktok: Simulator) -> None:
    shop.people([person(1)])
    shop.run()
    (audience,) = tiktok.world.audiences.values()
    audience.locked_until = float("inf")
    asked = tiktok.tally.requests

    def processed() -> None:
        while tiktok.tally.requests == asked:
            time.sleep(0.01)
        audience.locked_until = 0.0

    shop.people([person(1), person(2)])
    with ThreadPoolExecutor(1) as threads:
        threads.submit(processed)
        record = shop.run()
    assert record.status is RunStatus.COMPLETED
    assert record.requests_retried >= 1
    assert members(tiktok) == wanted([person(1), person(2)])


def test_a_run_that_died_before_it_was_staged_is_read_anew(tmp_path: Any, tiktok: Simulator) -> None:
    shop = open_shop(tmp_path / "shop", tiktok.url)
    shop.people([person(1)])
    shop.run()
    with open_ledger(shop.project.ledger_url) as ledger:
        died = replace(NEW_RUN, api_url=tiktok.url)
        ledger.runs.start(died, holder="somebody", host="elsewhere")
    shop.people([person(1), person(2)])
    shop.run()
    assert members(tiktok) == wanted([person(1), person(2)])
    with open_ledger(shop.project.ledger_url) as ledger:
        assert ledger.runs.get(died.run_id).status is RunStatus.INTERRUPTED
        assert ledger.runs.unfinished() == []


NEW_RUN = NewRun(
    run_id="died",
    orchestration=NAME,
    target="default",
    workflow="manual",
    destination="audience",
    api_url="",
    test_event_code=None,
    started_at=datetime(2026, 11, 1, tzinfo=UTC),
)
