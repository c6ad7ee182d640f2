"""Killed while it sends what it has not read to the end: every event arrives, none twice without need."""

from collections import Counter
from pathlib import Path

import pytest

from tests.cli.command import checked, inside
from tests.cli.shop import NAME, shop
from tests.crash.account import rejects, requests_known
from tests.crash.scene import Moment, Play, World
from tests.crash.service import Service

EVENTS, AGAIN, BAD = 9_000, 100, 5
READ = EVENTS + AGAIN + BAD
QUERY = f"""
    SELECT 'e' || n AS event_id, CASE WHEN place < {EVENTS + AGAIN} THEN to_timestamp(epoch(now())::BIGINT - 86400 + n) END AS timestamp
        , n || '@example.com' AS email, 2 AS value
    FROM (SELECT i AS place, i % {EVENTS} AS n FROM range({READ}) AS t (i)) ORDER BY place
"""
"""Rows of an event each; at the end 100 repeat the first events, and five have no timestamp."""

CASES = [
    ("ledger.runs:Runs.batches_staged", "before", 1, "run"),
    ("ledger.runs:Runs.batches_staged", "after", 1, "resume"),
    ("destinations.tiktok.client:EventsClient.attempt", "after", 1, "run"),
    ("staging.streaming:Segments.flush", "after", 3, "resume"),
    ("ledger.runs:Runs.batches_staged", "before", 3, "run"),
    ("ledger.batches:Batches.settled", "before", 2, "resume"),
    ("staging.deduplicate:_mark_repeated", "before", 1, "run"),
    ("ledger.runs:Runs.staged", "before", 1, "resume"),
    ("ledger.runs:Runs.staged", "after", 1, "run"),
    ("destinations.tiktok.client:EventsClient.attempt", "after", 9, "resume"),
]


def begun(directory: Path, world: World, service: Service) -> Play:
    world.place.begin(service)
    made = shop(directory, world.place.url, QUERY, destination={"max_in_flight": 1}, line_items=False)
    return Play(made, service, world)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            case, id=f"{when} {function.rpartition(':')[2]} {number}", marks=[pytest.mark.thorough] * (place % 5 > 0)
        )
        for place, case in enumerate(CASES)
        for function, when, number, _ in [case]
    ],
)
def test_a_run_that_is_killed_is_read_again_under_its_own_id(
    tmp_path: Path, world: World, case: tuple[str, str, int, str]
) -> None:
    function, when, number, how = case
    play = begun(tmp_path / "shop", world, Service())
    play.killed(Moment(function, when, number), "run", NAME)
    play.ended_well(*([how, NAME] if how == "run" else [how]))
    if how == "resume":
        play.ended_well("run", NAME)
    later, first = (checked(run) for run in inside("runs", "--json", project=play.shop.directory).json["runs"])
    assert first["rows"] == {"read": READ, "delivered": EVENTS, "rejected": BAD, "skipped": AGAIN, "pending": 0}
    assert (first["rejects"], first["skips"]) == ({"missing_timestamp": BAD}, {"duplicate": AGAIN})
    assert later["rows"] == {"read": READ, "delivered": 0, "rejected": BAD, "skipped": EVENTS + AGAIN, "pending": 0}
    assert rejects(play.shop, first["run_id"]).keys() == {
        (EVENTS + AGAIN + place, f"e{AGAIN + place - 1}", "missing_timestamp") for place in range(1, BAD + 1)
    }
    known = requests_known(play.shop)
    told = [taken for taken in play.service.taken if taken.request_id in known]
    assert Counter(event_id for taken in told for event_id in taken.ids) == {
        f"e{number}": 1 for number in range(EVENTS)
    }
    assert len(play.service.taken) - len(told) <= 1
    left = {path.name for path in (play.shop.state / "runs" / first["run_id"]).glob("**/*.*")}
    assert left == {"staging.parquet"}
