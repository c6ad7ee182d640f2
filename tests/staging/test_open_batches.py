"""What is left of a staged run is held against what became of its people and its events meanwhile."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.delivery.retry_policy import RetryPolicy
from connector.destinations.tiktok.events.destination import RESEND_WINDOW as REPEATABLE
from connector.simulator.dedup_window import DUPLICATE_SECONDS
from tests.cli.command import Outcome, checked, inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import OK, Reply, TikTok, serving

REVOKED = Reply(40105, "Access token is incorrect or has been revoked.", 401)
REFUSED = Reply(40002, "Invalid value for event_id: not a valid string.", 400)
NO_ANSWER = Reply(reset=True)


class Shopkeeper:
    """A project with several orchestrations of one query, and what is typed in it."""

    def __init__(self, made: Shop, tiktok: TikTok) -> None:
        self.made, self.tiktok = made, tiktok
        settings = yaml.safe_load(made.settings.read_text())
        settings["orchestrations"] |= dict.fromkeys(("second", "third"), settings["orchestrations"][NAME])
        made.settings.write_text(yaml.safe_dump(settings))

    def typed(self, *args: str) -> Outcome:
        return inside(*args, project=self.made.directory)

    def run(self, name: str, reply: Reply, where: str = "true") -> dict[str, Any]:
        """A run over some of the rows, all requests of which are answered alike."""
        self.tiktok.answer = lambda body: reply
        self.made.query.write_text(f"{GOOD.format(rows=6)} WHERE {where}")
        return checked(self.typed("run", name, "--json").json)

    def resume(self, run_id: str) -> dict[str, Any]:
        """The record of a run that is resumed while TikTok takes everything."""
        self.tiktok.answer = lambda body: OK
        return checked(self.typed("resume", run_id, "--json").json)

    def set_back(self, run_id: str, hours: float) -> None:
        """The first request of each batch of a run left so long ago."""
        sent_at = (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="milliseconds")
        with sqlite3.connect(self.made.state / "ledger.sqlite") as ledger:
            ledger.execute("UPDATE batches SET sent_at = ? WHERE run_id = ?", [sent_at, run_id])

    def taken(self) -> Counter[str]:
        return Counter(event["event_id"] for event in self.tiktok.events)


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Shopkeeper]:
    with serving() as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=6), destination={"max_in_flight": 1})
        yield Shopkeeper(made, tiktok)


def test_a_forgotten_person_in_the_delivered_part_of_a_cut_batch_is_not_skipped_as_well(keeper: Shopkeeper) -> None:
    def answer(body: dict[str, Any]) -> Reply:
        """Takes the first half once the batch is cut, and nothing else."""
        ids = {event["event_id"] for event in body["data"]}
        return REFUSED if len(ids) == 6 else OK if "e0" in ids else REVOKED

    people = "CASE WHEN n IN (1, 4) THEN 'jane@shop.com' ELSE n || '@example.com' END AS email"
    keeper.made.query.write_text(GOOD.format(rows=6).replace("n || '@example.com' AS email", people))
    keeper.tiktok.answer = answer
    stopped = checked(keeper.typed("run", NAME, "--json").json)
    assert (stopped["rows"]["delivered"], stopped["rows"]["pending"]) == (3, 3)
    (staged,) = json.loads(keeper.typed("forget", "--email", "jane@shop.com", "--json").stdout)["staged"]
    assert staged["events"] == 1
    resumed = keeper.resume(stopped["run_id"])
    assert resumed["rows"] == {"read": 6, "delivered": 5, "rejected": 0, "skipped": 1, "pending": 0}
    assert resumed["skips"] == {"suppressed": 1}
    assert sorted(keeper.taken()) == ["e0", "e1", "e2", "e3", "e5"]


def test_an_event_that_was_delivered_and_lost_elsewhere_is_skipped_once(keeper: Shopkeeper) -> None:
    stopped = keeper.run(NAME, REVOKED)
    lost = keeper.run("second", NO_ANSWER, "n BETWEEN 2 AND 4")
    assert keeper.run("third", OK, "n >= 3")["rows"]["delivered"] == 3
    keeper.set_back(lost["run_id"], 50)
    resumed = keeper.resume(stopped["run_id"])
    assert resumed["rows"] == {"read": 6, "delivered": 2, "rejected": 0, "skipped": 4, "pending": 0}
    assert resumed["skips"] == {"already_delivered": 3, "answer_lost": 1}
    assert keeper.taken() == {f"e{number}": 1 for number in (0, 1, 3, 4, 5)}


@pytest.mark.parametrize(("hours", "again"), [(46.9, True), (47.1, False)])
def test_events_whose_answer_was_lost_are_sent_again_for_47_hours(
    keeper: Shopkeeper, hours: float, again: bool
) -> None:
    lost = keeper.run(NAME, NO_ANSWER)
    keeper.set_back(lost["run_id"], hours)
    resumed = keeper.resume(lost["run_id"])
    assert (resumed["rows"]["delivered"], resumed["rows"]["pending"]) == ((6, 0) if again else (0, 6))
    assert len(keeper.taken()) == (6 if again else 0)


@pytest.mark.parametrize(("hours", "skips"), [(46.9, {}), (47.1, {"answer_lost": 6})])
def test_another_run_sends_events_whose_answer_was_lost_for_47_hours(
    keeper: Shopkeeper, hours: float, skips: dict[str, int]
) -> None:
    lost = keeper.run(NAME, NO_ANSWER)
    keeper.set_back(lost["run_id"], hours)
    other = keeper.run("second", OK)
    assert (other["skips"], len(keeper.taken())) == (skips, 6 - sum(skips.values()))


def test_a_batch_that_is_sent_again_is_tried_within_the_window_in_which_tiktok_knows_its_events() -> None:
    assert REPEATABLE + timedelta(seconds=RetryPolicy().max_seconds) <= timedelta(seconds=DUPLICATE_SECONDS)
