"""Before the first events go to an event source, TikTok is asked about it; later nobody is."""

from pathlib import Path

import pytest
import yaml

from connector.simulator.ad_accounts import REPORT_EVENTS, Token
from tests.account.shops import (
    ADVERTISER,
    CODE,
    NUMBER,
    PIXELS,
    SETS,
    TRACK,
    WEB,
    WRONG,
    asked,
    run,
    selling,
    simulating,
)
from tests.cli.command import inside
from tests.cli.shop import NAME, TOKEN, Shop

SHARED = "7444444444444444444"
TWO_ROUTES = f"""
    SELECT 'e' || n AS event_id, now() AS timestamp, n || '@example.com' AS email,
        CASE n WHEN 2 THEN '{WRONG}' END AS event_source_id
    FROM range(3) AS t (n)
"""


def changed(made: Shop, **destination: str) -> None:
    """The destination is written otherwise."""
    settings = yaml.safe_load(made.settings.read_text())
    settings["destinations"]["stores"] |= destination
    made.settings.write_text(yaml.safe_dump(settings))


def test_a_first_run_asks_once_and_later_runs_ask_nothing(tmp_path: Path) -> None:
    with simulating() as tiktok:
        made = selling(tmp_path, tiktok.url)
        first = run(made)
        asked = tiktok.tally.endpoints[SETS]
        second = run(made)
        third = run(selling(tmp_path / "web", tiktok.url, WEB, event_source="web", event_source_id=CODE))
    assert (first.code, second.code, third.code) == (0, 0, 0)
    assert (asked, tiktok.tally.endpoints[SETS], tiktok.tally.endpoints[PIXELS]) == (1, 1, 1)


def test_a_wrong_event_source_stops_the_run_before_any_event_is_sent(tmp_path: Path) -> None:
    with simulating() as tiktok:
        made = selling(tmp_path, tiktok.url, event_source_id=NUMBER)
        stopped = run(made)
    record = stopped.record()
    assert (stopped.code, record["status"], record["rows"]["pending"]) == (1, "failed", 3)
    assert f"{NUMBER} is the number of the pixel Web shop" in stopped.sentence
    assert "Nothing was sent" in stopped.sentence
    assert tiktok.tally.endpoints[TRACK] == 0


def test_what_was_staged_for_a_wrong_event_source_is_given_up_once_the_orchestration_says_another(
    tmp_path: Path,
) -> None:
    with simulating() as tiktok:
        made = selling(tmp_path, tiktok.url, event_source_id=WRONG)
        assert run(made).code == 1
        changed(made, event_source_id=ADVERTISER)
        done = run(made)
    assert (done.code, done.record()["rows"]["delivered"]) == (0, 3)
    assert tiktok.tally.distinct == 3


def test_a_staged_run_goes_on_once_the_event_source_is_there(tmp_path: Path) -> None:
    with simulating() as tiktok:
        made = selling(tmp_path, tiktok.url, event_source_id=WRONG)
        assert run(made).code == 1
        tiktok.world.accounts.restrict_event_sources([WRONG])
        done = inside("resume", "--json", project=made.directory)
    assert (done.code, done.record()["rows"]["delivered"]) == (0, 3)


def test_every_event_source_that_rows_name_is_asked_for(tmp_path: Path) -> None:
    with simulating() as tiktok:
        stopped = run(selling(tmp_path, tiktok.url, TWO_ROUTES))
    assert WRONG in stopped.sentence
    assert (tiktok.tally.endpoints[TRACK], stopped.record()["rows"]["pending"]) == (0, 3)


@pytest.mark.parametrize("fault", ["error", "code:code=40001"])
def test_what_stays_open_holds_up_nothing(tmp_path: Path, fault: str) -> None:
    kind, _, rest = fault.partition(":")
    with simulating(f"{kind}:path=/offline/get/,{rest}".rstrip(",")) as tiktok:
        made = selling(tmp_path, tiktok.url)
        done = inside("run", NAME, project=made.directory)
    assert done.code == 0
    assert "Whether the event source is the right one is not known." in done.stderr
    assert tiktok.tally.distinct == 3


def test_a_token_made_for_events_alone_sends_as_ever(tmp_path: Path) -> None:
    with simulating() as tiktok:
        tiktok.world.accounts.tokens[TOKEN] = Token(scopes=frozenset({REPORT_EVENTS}))
        assert run(selling(tmp_path, tiktok.url)).code == 0
    assert tiktok.tally.distinct == 3


def test_a_revoked_token_stops_the_first_run_before_any_event_and_it_can_be_resumed(tmp_path: Path) -> None:
    with simulating() as tiktok:
        tiktok.world.accounts.tokens[TOKEN] = Token(revoked=True)
        made = selling(tmp_path, tiktok.url)
        stopped = run(made)
        assert tiktok.tally.endpoints[TRACK] == 0
        tiktok.world.accounts.tokens[TOKEN] = Token()
        done = inside("resume", "--json", project=made.directory)
    assert stopped.code == 1
    assert "connector resume" in stopped.sentence
    assert TOKEN not in stopped.stdout + stopped.stderr
    assert (done.code, tiktok.tally.distinct) == (0, 3)


def test_an_event_source_that_is_not_listed_and_takes_a_test_event_holds_up_no_run(tmp_path: Path) -> None:
    with simulating(sources=(SHARED, CODE)) as tiktok:
        elsewhere = {"advertiser_id": WRONG, "event_set_id": SHARED, "name": "Shared", "auto_tracking": False}
        tiktok.world.accounts.event_sets.append(elsewhere)
        made = selling(tmp_path, tiktok.url, event_source_id=SHARED)
        stopped = run(made)
        tested = asked(made, "--test-event-code", "TEST12345", "--json")
        done = inside("resume", "--json", project=made.directory)
    assert (stopped.code, tested.code, done.code) == (1, 0, 0)
    assert "connector destinations test stores --test-event-code" in stopped.sentence
    assert "all the same" in tested.stdout
    assert (tiktok.tally.distinct, tiktok.tally.test_events) == (3, 1)
