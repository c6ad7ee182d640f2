"""What `/event/track/` takes and refuses, over HTTP, with the strictness that section 9 of the API's notes suggests."""

import json
from typing import Any

import pytest

from connector.simulator.server import Simulator
from tests.simulator.client import ADVERTISER, HASH, PIXEL, TRACK, Caller, body, event, web_body, web_event

OK = (200, 0, "OK")
NO_STRING = "not a valid string."


def test_good_events_are_taken_in_tiktoks_envelope(caller: Caller) -> None:
    status, answer = caller.raw(json.dumps(body(event())).encode())
    envelope = json.loads(answer)
    assert (status, envelope["code"], envelope["message"], envelope["data"]) == (200, 0, "OK", {})
    assert len(envelope["request_id"]) == 32


def test_every_request_has_an_id_of_its_own(caller: Caller) -> None:
    ids = {json.loads(caller.raw(json.dumps(body(event())).encode())[1])["request_id"] for _ in range(5)}
    assert len(ids) == 5


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", TRACK.rstrip("/")), ("GET", TRACK), ("POST", "/"), ("POST", "/open_api/v1.3/event/other/")],
)
def test_a_missing_slash_wrong_path_or_method_is_not_found_without_an_envelope(
    caller: Caller, method: str, path: str
) -> None:
    assert caller.raw(b"{}", method=method, path=path) == (404, b"404 page not found")


def test_a_retired_version_of_the_api_is_no_longer_served(caller: Caller) -> None:
    assert caller.answer(b"{}", path="/open_api/v1.2/event/track/").code == 40006


@pytest.mark.parametrize("token", [None, ""])
def test_without_a_token_the_answer_is_40104(caller: Caller, token: str | None) -> None:
    assert caller.send(body(event()), token=token)[:2] == (401, 40104)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"x"', b'{"data":NaN}', b"\xff\xfe", b"[" * 10_000, b'{"data":' + b"[" * 10_000],
)
def test_a_body_that_is_no_json_object_is_refused(caller: Caller, content: bytes) -> None:
    assert caller.answer(content)[:3] == (400, 40002, "Invalid JSON body.")


def test_a_minimal_event_of_each_source_is_taken(caller: Caller) -> None:
    assert caller.send(body(event())) == OK
    assert caller.send(web_body(web_event())) == OK
    assert caller.send(body(event(lead={"lead_id": "1"}), event_source="crm")) == OK
    assert caller.send(body(event(app={"app_id": "1"}), event_source="app", event_source_id="7001")) == OK


def test_unknown_fields_are_taken(caller: Caller) -> None:
    odd = event(user={"emial": HASH, "ip": 5}, properties={"mine": [1]}, device={}, limited_data_use=False)
    assert caller.send(body(odd, partner_name="x")) == OK


@pytest.mark.parametrize("value", [None, "", "shop", 1, [], "Web"])
def test_an_event_source_that_tiktok_does_not_know(caller: Caller, value: Any) -> None:
    expected = "Invalid value for event_source: must be web, app or offline."
    assert caller.send(body(event(), event_source=value)) == (400, 40002, expected)


@pytest.mark.parametrize("value", [None, "", 7654321098765432109, PIXEL])
def test_an_event_source_id_that_is_no_string_or_a_pixel_code_for_offline(caller: Caller, value: Any) -> None:
    expected = "Invalid value for event_source_id: not a valid string."
    assert caller.send(body(event(), event_source_id=value)) == (400, 40002, expected)


def test_the_numeric_id_of_a_pixel_is_no_pixel_code(caller: Caller) -> None:
    assert caller.send(web_body(web_event(), event_source_id="7000000000000000001"))[:2] == (200, 40001)


def test_an_answer_carries_its_id_in_a_header_too(caller: Caller) -> None:
    caller.connection.request("POST", TRACK, b"{}", {"Access-Token": "t"})
    response = caller.connection.getresponse()
    assert response.headers["X-Tt-Logid"] == json.loads(response.read())["request_id"]


def test_a_pixel_code_at_the_root_does_not_stand_for_the_event_source_id(caller: Caller) -> None:
    refused = caller.send(web_body(web_event(), event_source_id=None, pixel_code=PIXEL))
    assert refused == (400, 40002, "Invalid value for event_source_id: not a valid string.")


@pytest.mark.parametrize("value", [None, [], {}, "x"])
def test_data_has_to_be_a_list_with_something_in_it(caller: Caller, value: Any) -> None:
    assert caller.send(body(data=value)) == (400, 40002, "Missing required field(s): data.")


def test_a_thousand_events_are_taken_and_one_more_is_not(caller: Caller) -> None:
    assert caller.send(body(*[event()] * 1000)) == OK
    assert caller.send(body(*[event()] * 1001))[:2] == (400, 40002)


@pytest.mark.parametrize(
    ("changes", "field", "what"),
    [
        ({"event": None}, "event", NO_STRING),
        ({"event": ""}, "event", "not a standard event."),
        ({"event": 5}, "event", NO_STRING),
        ({"event": "purchase"}, "event", "not a standard event."),
        ({"event": "MyOwn"}, "event", "not a standard event."),
        ({"event_time": None}, "event_time", "not a valid integer."),
        ({"event_time": "1790000000"}, "event_time", "not a valid integer."),
        ({"event_time": "2026-11-20T12:00:00Z"}, "event_time", "not a valid integer."),
        ({"event_time": 1.5}, "event_time", "not a valid integer."),
        ({"event_time": True}, "event_time", "not a valid integer."),
        ({"event_id": 12345}, "event_id", NO_STRING),
        ({"user": []}, "user", "not a valid object."),
        ({"user": {"email": 5}}, "user.email", NO_STRING),
        ({"user": {"phone": [HASH, 5]}}, "user.phone.1", NO_STRING),
        ({"properties": "x"}, "properties", "not a valid object."),
        ({"properties": {"value": "12.50"}}, "properties.value", "not a valid number."),
        ({"properties": {"order_id": 7}}, "properties.order_id", NO_STRING),
        ({"properties": {"contents": {}}}, "properties.contents", "not a valid list."),
        ({"properties": {"contents": [5]}}, "properties.contents.0", "not a valid object."),
        ({"properties": {"contents": [{}, {"content_id": 7}]}}, "properties.contents.1.content_id", NO_STRING),
        ({"properties": {"contents": [{"price": "(null)"}]}}, "properties.contents.0.price", "not a valid number."),
        ({"limited_data_use": "yes"}, "limited_data_use", "not a valid boolean."),
    ],
)
def test_an_invalid_event_is_named_by_its_place_and_field(
    caller: Caller, changes: dict[str, Any], field: str, what: str
) -> None:
    expected = f"Invalid value for data.1.{field}: {what}"
    assert caller.send(body(event(), event(**changes))) == (400, 40002, expected)


@pytest.mark.parametrize("odd", ["x", 5, None, []])
def test_an_event_that_is_no_object_is_named_by_its_place(caller: Caller, odd: Any) -> None:
    assert caller.send(body(event(), odd)) == (400, 40002, "Invalid value for data.1: not a valid object.")


def test_the_first_invalid_event_is_named_and_nothing_of_the_request_is_taken(
    simulator: Simulator, caller: Caller
) -> None:
    request = body(event(event_id="a"), event(event_id="b"), event(event_id=12), event(event=None))
    assert caller.send(request) == (400, 40002, "Invalid value for data.2.event_id: not a valid string.")
    assert simulator.tally.received == 0
    assert caller.send(body(event(event_id="a"))) == OK
    assert simulator.tally.duplicates == 0


@pytest.mark.parametrize(("source", "field"), [("web", "page.url"), ("app", "app.app_id"), ("crm", "lead.lead_id")])
def test_what_a_source_requires(caller: Caller, source: str, field: str) -> None:
    root, leaf = field.split(".")
    for value in (None, {}, {leaf: ""}, {leaf: 1}):
        assert caller.send(body(event(**{root: value}), event_source=source)) == (
            400,
            40002,
            f"Invalid value for data.0.{field}: not a valid string.",
        )


def test_a_web_event_needs_a_user_and_an_offline_event_does_not(caller: Caller) -> None:
    expected = "Invalid value for data.0.user: not a valid object."
    assert caller.send(web_body(web_event(user=None))) == (400, 40002, expected)
    assert caller.send(body(event(user=None))) == OK


def test_custom_events_are_taken_for_web_app_and_crm_and_not_for_offline(caller: Caller) -> None:
    assert caller.send(web_body(web_event(event="MyOwn"))) == OK
    assert caller.send(body(event(event="MyOwn", lead={"lead_id": "1"}), event_source="crm")) == OK
    assert caller.send(body(event(event="MyOwn")))[1] == 40002


@pytest.mark.parametrize("name", ["CompletePayment", "SubmitForm", "PlaceAnOrder", "ClickButton"])
def test_old_names_are_taken(caller: Caller, name: str) -> None:
    assert caller.send(body(event(event=name))) == OK


def test_the_event_source_does_not_belong_into_the_events(caller: Caller) -> None:
    inside = event(event_source="offline", event_source_id=ADVERTISER)
    assert caller.send({"data": [inside]})[1] == 40002


def test_a_numeric_event_id_is_refused_even_where_it_is_null(caller: Caller) -> None:
    assert caller.answer(json.dumps(body(event() | {"event_id": None})).encode()).code == 40002


def test_milliseconds_are_an_integer_and_are_noted(simulator: Simulator, caller: Caller) -> None:
    assert caller.send(body(event(event_time=1_790_000_000_000))) == OK
    assert simulator.tally.notes == {"events in the future, as milliseconds are": 1}


def test_an_offline_event_older_than_28_days_is_taken_and_noted(simulator: Simulator, caller: Caller) -> None:
    old = 1_790_000_000 - 28 * 86_400 - 1
    assert caller.send(body(event(event_time=old), event(event_id="e2", event_time=old + 1))) == OK
    assert caller.send(web_body(web_event(event_time=old))) == OK
    assert simulator.tally.notes == {"offline events older than 28 days, which TikTok does not attribute": 1}


def test_a_currency_off_the_list_and_limited_data_use_without_ip_are_taken_and_noted(
    simulator: Simulator, caller: Caller
) -> None:
    with_ip = {"email": HASH, "ip": "203.0.113.7"}
    events = (
        web_event(properties={"currency": "LKR"}),
        web_event(event_id="e2", limited_data_use=True),
        web_event(event_id="e3", limited_data_use=True, user=with_ip),
        web_event(event_id="e4", limited_data_use=False, properties={"currency": "USD"}),
    )
    assert caller.send(web_body(*events)) == OK
    assert simulator.tally.notes == {
        "events with a currency that TikTok does not list": 1,
        "events with limited_data_use and no ip, without which it has no effect": 1,
    }
