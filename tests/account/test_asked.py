"""`connector destinations`: what is asked of TikTok about a destination, and what comes of it."""

from pathlib import Path

import pytest

from connector.example.example_project import write_example
from connector.simulator.ad_accounts import REPORT_EVENTS, Token
from tests.account.shops import ADVERTISER, CODE, NUMBER, TRACK, WRONG, asked, selling, simulating
from tests.cli.command import connector, inside
from tests.cli.shop import TOKEN


def outcomes(printed: dict[str, object]) -> dict[str, str]:
    """By check, what came of it."""
    checks = printed["checks"]
    assert isinstance(checks, list)
    return {one["check"]: one["outcome"] for one in checks}


def test_a_destination_that_is_right_passes_and_only_an_event_shows_the_rest(tmp_path: Path) -> None:
    with simulating() as tiktok:
        made = selling(tmp_path, tiktok.url)
        without, with_code = asked(made, "--json"), asked(made, "--test-event-code", "TEST12345", "--json")
    assert (without.code, without.json["outcome"]) == (0, "inconclusive")
    assert outcomes(without.json) == {
        "token": "passed",
        "advertiser": "passed",
        "event source": "passed",
        "event name": "passed",
        "writing": "inconclusive",
    }
    assert (with_code.code, with_code.json["outcome"]) == (0, "passed")
    assert (tiktok.tally.test_events, tiktok.tally.distinct, tiktok.tally.violations) == (1, 0, {})


def test_the_one_event_for_a_pixel_is_as_a_pixel_wants_it(tmp_path: Path) -> None:
    with simulating() as tiktok:
        made = selling(tmp_path, tiktok.url, event_source="web", event_source_id=CODE, fixed_event_name=None)
        done = asked(made, "--test-event-code", "TEST12345", "--json")
    assert (done.json["outcome"], tiktok.tally.test_events) == ("passed", 1)


def test_the_number_of_a_pixel_is_refused_before_tiktok_is_asked(tmp_path: Path) -> None:
    with simulating() as tiktok:
        done = asked(selling(tmp_path, tiktok.url, event_source="web", event_source_id=NUMBER))
    assert done.code == 2
    assert "this is its number" in done.sentence
    assert tiktok.tally.requests == 0


def test_a_token_without_the_scopes_is_inconclusive_and_the_one_event_shows_that_it_may_write(tmp_path: Path) -> None:
    with simulating() as tiktok:
        tiktok.world.accounts.tokens[TOKEN] = Token(scopes=frozenset({REPORT_EVENTS}))
        made = selling(tmp_path, tiktok.url)
        without, with_code = asked(made), asked(made, "--test-event-code", "TEST12345", "--json")
    assert without.code == 0
    assert "--test-event-code" in without.stdout
    assert outcomes(with_code.json)["event source"] == "inconclusive"
    assert outcomes(with_code.json)["writing"] == "passed"


def test_an_event_that_is_refused_fails(tmp_path: Path) -> None:
    with simulating(f"no_permission:event_source_id={ADVERTISER}") as tiktok:
        done = asked(selling(tmp_path, tiktok.url), "--test-event-code", "TEST12345", "--json")
    assert (done.code, outcomes(done.json)["writing"]) == (1, "failed")
    assert "Operator or Admin" in done.stdout


def test_a_revoked_token_fails_and_nothing_else_is_asked(tmp_path: Path) -> None:
    with simulating() as tiktok:
        tiktok.world.accounts.tokens[TOKEN] = Token(revoked=True)
        done = asked(selling(tmp_path, tiktok.url), "--test-event-code", "TEST12345")
    assert done.code == 1
    assert "connector auth login" in done.stdout
    assert (tiktok.tally.requests, tiktok.tally.endpoints[TRACK]) == (1, 0)


def test_an_app_lists_the_ad_accounts_of_its_token(tmp_path: Path) -> None:
    with simulating() as tiktok:
        made = selling(tmp_path, tiktok.url, advertiser_id=WRONG)
        app = f"credentials: {{tiktok: {{access_token: {TOKEN}, app_id: '71', app_secret: hidden-secret}}}}"
        made.settings.write_text(made.settings.read_text().replace("warehouses:", f"{app}\nwarehouses:", 1))
        made.settings.write_text(
            made.settings.read_text().replace("credentials:\n  tiktok:\n    access_token: " + TOKEN, "")
        )
        done = asked(made)
    assert done.code == 1
    assert f"It may use {ADVERTISER}" in done.stdout
    assert "hidden-secret" not in done.stdout + done.stderr


def test_an_event_name_that_tiktok_does_not_know_is_a_wrong_setting(tmp_path: Path) -> None:
    with simulating() as tiktok:
        done = asked(selling(tmp_path, tiktok.url, fixed_event_name="purchase"))
    assert (done.code, tiktok.tally.requests) == (2, 0)
    assert "Purchase" in done.sentence


def test_nobody_there_is_inconclusive_and_exits_with_1(tmp_path: Path) -> None:
    with simulating() as tiktok:
        url = tiktok.url
    done = asked(selling(tmp_path, url, retry={"max_attempts": 1}), "--json")
    assert done.code == 1
    assert outcomes(done.json)["token"] == "inconclusive"


@pytest.mark.parametrize("code", ["", "TEST 1", "ü"])
def test_a_code_that_is_none_is_refused(tmp_path: Path, code: str) -> None:
    with simulating() as tiktok:
        done = asked(selling(tmp_path, tiktok.url), "--test-event-code", code)
    assert (done.code, tiktok.tally.requests) == (2, 0)
    assert "TEST12345" in done.sentence


def test_an_audience_is_asked_for_its_token_and_its_ad_accounts(tmp_path: Path) -> None:
    with simulating() as tiktok:
        made = selling(tmp_path, tiktok.url)
        audience = (
            f"  vip: {{type: tiktok_audience, credential: tiktok, advertiser_ids: ['{ADVERTISER}', '{WRONG}'], "
            f"audience: VIP, api_url: '{tiktok.url}'}}\n"
        )
        made.settings.write_text(made.settings.read_text().replace("destinations:\n", f"destinations:\n{audience}", 1))
        tiktok.world.accounts.tokens[TOKEN] = Token(advertisers=frozenset({ADVERTISER}))
        done = inside("destinations", "test", "vip", "--json", project=made.directory)
    assert [(one["check"], one["outcome"]) for one in done.json["checks"]] == [
        ("token", "passed"),
        ("advertiser", "passed"),
        ("advertiser", "inconclusive"),
    ]


def test_the_example_is_listed_and_tested_as_a_process(tmp_path: Path) -> None:
    write_example(tmp_path)
    listed = inside("destinations", "list", "--json", project=tmp_path).json
    assert [one["name"] for one in listed["destinations"]] == [
        "store_events", "web_events", "phone_events", "vip_audience",
    ]  # fmt: skip
    done = connector("destinations", "test", "store_events", project=tmp_path)
    assert done.code == 0
    found = "event source  passed        The ad account has the offline event set 7654321098765432109 (Stores)."
    assert found in done.stdout
    assert "store_events, target local, simulator: inconclusive." in done.stderr
