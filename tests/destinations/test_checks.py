"""What is found of a token, an ad account and an event source, each provoked on the simulator."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer

from connector.core.route import Route
from connector.delivery.limiter import AdaptiveLimiter
from connector.delivery.retry_loop import RetryLoop
from connector.delivery.retry_policy import RetryPolicy
from connector.destinations.checks import Check, Outcome
from connector.destinations.tiktok.account import AccountClient
from connector.destinations.tiktok.checks import (
    advertisers_of,
    check_event_source,
    check_listed,
    check_token,
)
from connector.destinations.tiktok.oauth import App
from connector.destinations.tiktok.tokens import FixedToken
from connector.simulator.ad_accounts import ADVERTISER, PIXEL, READ_EVENT_SETS, REPORT_EVENTS, Token
from connector.simulator.fault_files import parse
from connector.simulator.server import Simulator
from connector.simulator.strictness import parse_strictness

APP = App("7100000000000000001", SecretStr("secret"))
CODE, NUMBER = PIXEL["pixel_code"], PIXEL["pixel_id"]
OTHER, OTHER_SET = "7000000000000000555", "7111111111111111111"


@pytest.fixture
def tiktok() -> Iterator[Simulator]:
    with Simulator(strictness=parse_strictness(["rates=unlimited"])) as simulator:
        other = {
            "advertiser_id": OTHER,
            "event_set_id": OTHER_SET,
            "name": "Tills",
            "description": "",
            "auto_tracking": True,
        }
        simulator.world.accounts.event_sets.append(other)
        yield simulator


@pytest.fixture
def account(tiktok: Simulator) -> Iterator[AccountClient]:
    with asking(tiktok.url) as client:
        yield client


@contextmanager
def asking(url: str) -> Iterator[AccountClient]:
    repeat = RetryLoop(RetryPolicy(max_attempts=2, first_wait=0.01, max_throttled_seconds=0.02), AdaptiveLimiter(1_000))
    with AccountClient(url, FixedToken(SecretStr("t")), repeat, timeout=5) as client:
        yield client


def grant(tiktok: Simulator, **given: Any) -> None:
    """The token is like this from now on."""
    tiktok.world.accounts.tokens["t"] = Token(**given)


def source(account: AccountClient, event_source: str, event_source_id: str, advertiser: str = ADVERTISER) -> Check:
    return check_event_source(account, advertiser, Route(event_source, event_source_id))


def test_the_right_event_sources_pass(account: AccountClient) -> None:
    assert source(account, "offline", ADVERTISER) == Check(
        "event source", Outcome.PASSED, f"The ad account has the offline event set {ADVERTISER} (Stores)."
    )
    assert source(account, "web", CODE).sentence == f"The ad account has the pixel {CODE} (Web shop)."


def test_the_number_of_a_pixel_is_named_as_such_with_its_code(account: AccountClient) -> None:
    found = source(account, "web", NUMBER)
    assert found.outcome is Outcome.FAILED
    assert f"{NUMBER} is the number of the pixel Web shop" in found.sentence
    assert f"write {CODE} as `event_source_id`" in found.sentence


def test_an_event_set_in_place_of_a_pixel_is_named_as_such(account: AccountClient) -> None:
    found = source(account, "web", ADVERTISER)
    assert found.outcome is Outcome.FAILED
    assert f"{ADVERTISER} (Stores) is an offline event set" in found.sentence


def test_the_number_of_a_pixel_in_place_of_an_event_set_is_named_as_such(account: AccountClient) -> None:
    found = source(account, "offline", NUMBER)
    assert found.outcome is Outcome.FAILED
    assert f"{NUMBER} is the number of the pixel Web shop" in found.sentence
    assert f"{CODE} with `event_source: web`" in found.sentence


@pytest.mark.parametrize(("kind", "wrong"), [("web", "C0000000000000000000"), ("offline", "7222222222222222222")])
def test_an_event_source_that_there_is_not_fails_with_those_that_there_are(
    tiktok: Simulator, account: AccountClient, kind: str, wrong: str
) -> None:
    tiktok.world.accounts.restrict_event_sources([CODE, ADVERTISER])
    found = source(account, kind, wrong)
    assert found.outcome is Outcome.FAILED
    assert wrong in found.sentence
    assert (f"{CODE} (Web shop)" if kind == "web" else f"{ADVERTISER} (Stores)") in found.sentence
    assert "Check `event_source_id` first, then `advertiser_id`" in found.sentence


def test_an_event_set_of_another_ad_account_fails(account: AccountClient) -> None:
    assert source(account, "offline", OTHER_SET).outcome is Outcome.FAILED
    assert source(account, "offline", OTHER_SET, OTHER).outcome is Outcome.PASSED


def test_a_name_that_names_a_person_is_not_shown(tiktok: Simulator, account: AccountClient) -> None:
    tiktok.world.accounts.event_sets[0]["name"] = "ann@example.com"
    assert "ann" not in source(account, "offline", ADVERTISER).sentence


def test_an_answer_without_the_list_says_nothing(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/open_api/v1.3/offline/get/").respond_with_json({"code": 0, "message": "OK", "data": {}})
    with asking(httpserver.url_for("")) as account:
        found = source(account, "offline", ADVERTISER)
    assert (found.outcome, "no event_set_list" in found.sentence) == (Outcome.INCONCLUSIVE, True)


def test_a_token_without_the_scope_leaves_it_open(tiktok: Simulator, account: AccountClient) -> None:
    grant(tiktok, scopes=frozenset({REPORT_EVENTS}))
    for kind, id_ in (("web", CODE), ("offline", ADVERTISER)):
        found = source(account, kind, id_)
        assert (found.outcome, found.code) == (Outcome.INCONCLUSIVE, 40001)
        assert "may send events all the same" in found.sentence


def test_a_scope_that_only_a_better_sentence_needs_does_not_leave_it_open(
    tiktok: Simulator, account: AccountClient
) -> None:
    grant(tiktok, scopes=frozenset({READ_EVENT_SETS}))
    assert source(account, "offline", NUMBER).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "fault", ["error", "html", "reset", "throttle:code=40133", "code:code=40002", "code:code=40400"]
)
def test_what_tiktok_does_not_say_leaves_it_open(tiktok: Simulator, account: AccountClient, fault: str) -> None:
    kind, _, rest = fault.partition(":")
    tiktok.world.faults.add([parse(f"{kind}:path=/offline/get/,{rest}".rstrip(","))])
    assert source(account, "offline", ADVERTISER).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("code", [40102, 40104, 40105, 40106])
def test_a_token_that_tiktok_does_not_take_fails(tiktok: Simulator, account: AccountClient, code: int) -> None:
    tiktok.world.faults.add([parse(f"code:path=*,code={code}")])
    for found in (check_token(account), source(account, "offline", ADVERTISER)):
        assert (found.outcome, found.about_token) == (Outcome.FAILED, True)
        assert f"code {code})" in found.sentence


@pytest.mark.parametrize("code", [40300, 40301])
def test_an_ad_account_that_tiktok_does_not_know_fails(tiktok: Simulator, account: AccountClient, code: int) -> None:
    tiktok.world.faults.add([parse(f"code:path=/offline/get/,code={code}")])
    found = source(account, "offline", ADVERTISER)
    assert (found.name, found.outcome) == ("advertiser", Outcome.FAILED)
    assert "Check `advertiser_id`" in found.sentence


def test_a_token_that_is_alive_passes_and_one_without_that_scope_is_open(
    tiktok: Simulator, account: AccountClient
) -> None:
    assert check_token(account).outcome is Outcome.PASSED
    tiktok.world.faults.add([parse("code:path=/user/info/,code=40001")])
    assert check_token(account).outcome is Outcome.INCONCLUSIVE


def listed(account: AccountClient, advertiser: str, event_source_id: str | None = None) -> Check:
    ids = advertisers_of(account, APP)
    assert ids is not None
    return check_listed(advertiser, ids, account, event_source_id)


def test_an_ad_account_that_the_token_serves_passes_and_another_fails_with_those_it_serves(
    tiktok: Simulator, account: AccountClient
) -> None:
    assert listed(account, ADVERTISER).outcome is Outcome.PASSED
    wrong = listed(account, "7000000000000000999")
    assert wrong.outcome is Outcome.FAILED
    assert f"It may use {ADVERTISER} (Advertiser 2109)" in wrong.sentence


def test_the_id_of_an_event_set_or_the_number_of_a_pixel_as_advertiser_id_is_named_as_such(
    tiktok: Simulator, account: AccountClient
) -> None:
    grant(tiktok, advertisers=frozenset({ADVERTISER, OTHER}))
    assert f"the offline event set {OTHER_SET} (Tills) of the ad account {OTHER}" in listed(account, OTHER_SET).sentence
    assert (
        f"the number of the pixel {CODE} (Web shop) of the ad account {ADVERTISER}" in listed(account, NUMBER).sentence
    )


def test_ids_that_were_exchanged_are_named_as_such(tiktok: Simulator, account: AccountClient) -> None:
    grant(tiktok, advertisers=frozenset({OTHER}))
    assert "may be exchanged" in listed(account, OTHER_SET, OTHER).sentence


def test_ad_accounts_that_tiktok_does_not_list_are_not_known(tiktok: Simulator, account: AccountClient) -> None:
    assert advertisers_of(account, None) is None
    grant(tiktok, scopes=frozenset({REPORT_EVENTS}))
    assert advertisers_of(account, APP) is None
