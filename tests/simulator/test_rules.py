from typing import Any

import pytest

from connector.simulator.rules import refusal, violations
from tests.simulator.client import HASH, body, event

WEB = {"event_source": "web", "event_source_id": "C4ABCDEFGHIJKLMNOPQR"}
PAGE = {"url": "https://shop.example/"}


def test_a_minimal_event_of_each_source_is_taken() -> None:
    assert refusal(body(event())) is None
    assert refusal(body(event(page=PAGE), **WEB)) is None
    assert refusal(body(event(lead={"lead_id": "1"}), event_source="crm")) is None
    assert refusal(body(event(app={"app_id": "1"}), event_source="app")) is None


def test_unknown_fields_are_taken() -> None:
    odd = event(user={"emial": HASH}, properties={"mine": [1]}, device={}, limited_data_use=False)
    assert refusal(body(odd, partner_name="x")) is None


@pytest.mark.parametrize("value", [None, "", "shop", 1, [], "Web"])
def test_an_event_source_that_tiktok_does_not_know(value: Any) -> None:
    assert refusal(body(event(), event_source=value)) == "Invalid value for event_source: must be web, app or offline."


@pytest.mark.parametrize("value", [None, "", 7654321098765432109, "C4ABCDEFGHIJKLMNOPQR"])
def test_an_event_source_id_that_is_no_string_or_a_pixel_code_for_offline(value: Any) -> None:
    expected = "Invalid value for event_source_id: not a valid string."
    assert refusal(body(event(), event_source_id=value)) == expected


@pytest.mark.parametrize("value", [None, [], {}, "x"])
def test_data_has_to_be_a_list_with_something_in_it(value: Any) -> None:
    assert refusal(body(data=value)) == "Missing required field(s): data."


def test_a_thousand_events_are_taken_and_one_more_is_not() -> None:
    assert refusal(body(*[event()] * 1000)) is None
    assert refusal(body(*[event()] * 1001)) == "Invalid value for data: at most 1000 events are allowed."


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"event": None}, "event"),
        ({"event": ""}, "event"),
        ({"event": 5}, "event"),
        ({"event": "purchase"}, "event"),
        ({"event": "MyOwn"}, "event"),
        ({"event_time": None}, "event_time"),
        ({"event_time": "1790000000"}, "event_time"),
        ({"event_time": 1.5}, "event_time"),
        ({"event_time": True}, "event_time"),
        ({"event_id": 12345}, "event_id"),
        ({"user": []}, "user"),
        ({"properties": "x"}, "properties"),
        ({"properties": {"contents": {}}}, "properties.contents"),
        ({"properties": {"contents": [{}, {"content_id": 7}]}}, "properties.contents.1.content_id"),
    ],
)
def test_an_invalid_event_is_named_by_its_place_and_field(changes: dict[str, Any], field: str) -> None:
    found = refusal(body(event(), event() | changes if None not in changes.values() else event(**changes)))
    assert found is not None
    assert found.startswith(f"Invalid value for data.1.{field}: ")


def test_the_first_invalid_event_is_named() -> None:
    found = refusal(body(event(), event(event_id=1), event(event=None)))
    assert found == "Invalid value for data.1.event_id: not a valid string."


@pytest.mark.parametrize(("source", "field"), [("web", "page.url"), ("app", "app.app_id"), ("crm", "lead.lead_id")])
def test_what_a_source_requires(source: str, field: str) -> None:
    root, leaf = field.split(".")
    for value in (None, {}, {leaf: ""}, {leaf: 1}, "x"):
        assert refusal(body(event(**{root: value}), event_source=source)) == (
            f"Invalid value for data.0.{field}: not a valid string."
        )


def test_custom_events_are_taken_for_web_only() -> None:
    assert refusal(body(event(event="MyOwn", page=PAGE), **WEB)) is None
    assert refusal(body(event(event="MyOwn"))) is not None


@pytest.mark.parametrize("name", ["CompletePayment", "SubmitForm", "PlaceAnOrder", "ClickButton"])
def test_old_names_are_taken(name: str) -> None:
    assert refusal(body(event(event=name))) is None


@pytest.mark.parametrize("field", ["email", "phone", "external_id", "first_name", "last_name", "zip_code"])
@pytest.mark.parametrize("value", ["jane@example.com", HASH.upper(), HASH[:63], HASH + "0", "g" * 64, "", 5])
def test_a_value_that_is_no_digest_is_a_violation(field: str, value: Any) -> None:
    for given in (value, [HASH, value]):
        assert violations([event(), event(user={field: given})]) == {f"{field} is not hashed": 1}


def test_the_digest_of_nothing_is_a_violation() -> None:
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert violations([event(user={"email": [HASH, nothing]})]) == {"email is the hash of nothing": 1}


def test_what_is_not_to_be_hashed_is_no_violation() -> None:
    assert not violations([event(user={"ip": "1.2.3.4", "city": "newyork", "email": [HASH, HASH]}), event(user={})])


def test_violations_do_not_hold_the_value() -> None:
    assert "jane" not in str(violations([event(user={"email": "jane@example.com"})]))
