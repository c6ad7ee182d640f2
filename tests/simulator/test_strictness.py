"""Where TikTok's pages are unsure, both behaviours can be had."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from connector.errors import UsageError
from connector.simulator.server import Simulator
from connector.simulator.strictness import STRICT, Strictness, parse_strictness
from tests.simulator.client import NOW, Caller, body, event, web_body, web_event

Start = Callable[..., tuple[Simulator, Caller]]


def sent(start: Start, choice: str, request: dict[str, Any], **options: Any) -> tuple[int, int, str]:
    return start(choice)[1].send(request, **options)


def test_plain_identifiers_are_refused_or_recorded_as_violations(start: Start) -> None:
    plain = body(event(user={"email": "jane@example.com"}))
    assert sent(start, "unhashed=refuse", plain) == (400, 40062, "PII is not hashed.")
    simulator, caller = start("unhashed=record")
    assert caller.send(plain)[1] == 0
    assert simulator.tally.violations == {"email is not hashed": 1}


@pytest.mark.parametrize(
    "odd",
    [
        {"event_time": NOW - 29 * 86_400},
        {"event_time": NOW + 3_600},
        {"properties": {"currency": "LKR"}},
    ],
)
def test_what_is_doubtful_is_noted_or_refused(start: Start, odd: dict[str, Any]) -> None:
    request = body(event(), event(**odd))
    assert sent(start, "doubtful=note", request)[1] == 0
    status, code, message = sent(start, "doubtful=refuse", request)
    assert (status, code) == (400, 40002)
    assert message.startswith("Invalid value for data.1.")


def test_types_are_those_of_the_catalogue_or_those_known_to_be_refused(start: Start) -> None:
    loose = body(event(properties={"order_id": 7, "value": "x", "currency": [], "contents": [{"price": "1"}]}))
    assert sent(start, "types=all", loose)[1] == 40002
    assert sent(start, "types=known", loose)[1] == 0
    for wrong in ({"event_id": 1}, {"event_time": "1"}, {"properties": {"contents": [{"content_id": 1}]}}):
        assert sent(start, "types=known", body(event(**wrong)))[1] == 40002


@pytest.mark.parametrize(
    ("choice", "codes"), [("page_and_user", (40002, 40002)), ("page", (40002, 0)), ("nothing", (0, 0))]
)
def test_what_a_web_event_needs(start: Start, choice: str, codes: tuple[int, int]) -> None:
    caller = start(f"web_needs={choice}")[1]
    without_page, without_user = web_body(event()), web_body(web_event(user=None))
    assert (caller.send(without_page)[1], caller.send(without_user)[1]) == codes


def test_statuses_are_real_or_always_200(start: Start) -> None:
    for choice, statuses in (("real", (401, 400)), ("always_200", (200, 200))):
        caller = start(f"statuses={choice}")[1]
        assert (caller.send(body(event()), token="")[0], caller.send(body())[0]) == statuses


def test_the_token_or_the_body_is_looked_at_first(start: Start) -> None:
    assert sent(start, "check_first=token", {}, token="")[1] == 40104
    assert sent(start, "check_first=body", {}, token="")[1] == 40002
    assert sent(start, "check_first=body", body(event()), token="")[1] == 40104


@pytest.mark.parametrize(
    ("choices", "place"),
    [
        (["index=dotted"], "data.1.properties.contents.0.content_id"),
        (["index=brackets"], "data[1].properties.contents[0].content_id"),
        (["index=batch"], "Batch.1.properties.contents.0.content_id"),
        (["index=none"], "properties.contents[0].content_id"),
        (["index=dotted", "count_from=one"], "data.2.properties.contents.0.content_id"),
    ],
)
def test_how_an_event_is_named(start: Start, choices: list[str], place: str) -> None:
    request = body(event(), event(properties={"contents": [{"content_id": 7}]}))
    assert start(*choices)[1].send(request)[2] == f"Invalid value for {place}: not a valid string."


def test_the_wrong_value_is_echoed_or_not(start: Start) -> None:
    request = body(event(), event(user={"email": [{"odd": "jane@example.com"}]}))
    assert "jane" not in sent(start, "echo=no", request)[2]
    assert sent(start, "echo=yes", request)[2].endswith(': not a valid string. Got: {"odd":"jane@example.com"}')


def test_old_names_are_events_of_their_own_or_converted_first(start: Start) -> None:
    for choice, events in (("distinct", 2), ("converted", 1)):
        simulator, caller = start(f"legacy_names={choice}")
        caller.send(body(event(), event(event="CompletePayment")))
        assert simulator.tally.distinct == events


def test_events_without_an_id_are_known_by_their_cookie_or_not(start: Start) -> None:
    for choice, events in (("on", 3), ("off", 4)):
        simulator, caller = start(f"cookie_dedup={choice}")
        same = web_event(event_id=None, user={"ttp": "cookie-1"})
        caller.send(web_body(same, same, web_event(event_id=None, user={"ttp": "cookie-2"}), web_event(event_id=None)))
        assert simulator.tally.distinct == events


def test_a_refresh_token_is_replaced_or_stays(start: Start) -> None:
    given = {"app_id": "1", "secret": "s", "grant_type": "refresh_token", "refresh_token": "r"}
    for choice, stays in (("rotates", False), ("stays", True)):
        caller = start(f"refreshing={choice}")[1]
        first = caller.post("/oauth2/refresh_token/", None, **given).data["refresh_token"]
        assert (first == "r") is stays
        assert caller.post("/oauth2/refresh_token/", None, **given).code == (0 if stays else 40107)


def test_rates_are_enforced_or_unlimited(start: Start) -> None:
    for choice, last in (("enforced", 40100), ("unlimited", 0)):
        caller = start(f"rates={choice}")[1]
        assert [caller.get("/user/info/").code for _ in range(11)] == [0] * 10 + [last]


def test_the_rows_of_a_mapping_are_limited(start: Start) -> None:
    caller = start("mapping_rows=1")[1]
    refused = caller.post(
        "/segment/mapping/", advertiser_ids=["1"], id_schema=["EMAIL_SHA256"], batch_data=[[{}], [{}]]
    )
    assert refused.code == 40002


def test_the_default_of_every_choice_is_its_first_and_all_can_be_chosen() -> None:
    for field in fields(Strictness):
        for choice in field.metadata.get("choices", ()):
            assert getattr(parse_strictness([f"{field.name}={choice}"]), field.name) == choice
    assert parse_strictness([]) == STRICT


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("loud=yes", "Unknown strictness 'loud'"),
        ("rates=fast", "rates is enforced or unlimited, not 'fast'"),
        ("rates", "rates is enforced or unlimited, not ''"),
        ("mapping_rows=0", "mapping_rows is a number of at least 1, not '0'"),
    ],
)
def test_a_choice_that_there_is_not_is_named(setting: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_strictness([setting])
