"""A body that names a person does not leave; one that does not is let through whatever it looks like."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr
from pytest_httpserver import HTTPServer

from connector.catalogue import PARAMETERS
from connector.core.route import Action, Route
from connector.delivery.answer import Verdict
from connector.delivery.batch import Batch
from connector.destinations.audience_payloads import route_to
from connector.destinations.guard import (
    EMAIL,
    NO_DIGEST,
    PART,
    PHONE,
    Breach,
    breach_of_events,
    breach_of_members,
)
from connector.destinations.tiktok.client import EventsClient
from connector.destinations.tiktok.mapping import MappingClient
from connector.destinations.tiktok.tokens import FixedToken
from tests.plain import BEHIND_LETTERS, DIALLED, HARMLESS, IN_ADDRESSES, SPACED, UNUSUAL, UNUSUAL_SPACED

HASHED = [one.path[-1] for one in PARAMETERS if one.hashed]
MAILS = ["bob@example.com", "Zoë@müller.example", "ask <a.b+c@example.co.uk>", "bob%40example.com", '"a b"@example.com']
TEXTS = ["description", "content_name", "note", "page_url", "user_agent", "ttclid", "order_id"]


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def event(user: Mapping[str, Any] | None = None, /, **properties: Any) -> dict[str, Any]:
    """A web event as the transform shapes it, with these members of `user` and `properties`."""
    return {
        "event": "Purchase",
        "event_time": 1_764_181_409,
        "event_id": "OR-2026-11-26-000123",
        "user": {"email": digest("a"), "phone": [digest("b"), digest("c")], "ip": "203.0.113.7", **(user or {})},
        "page": {"url": "https://shop.example/p/1?q=red+shoes"},
        "properties": {"currency": "USD", **properties, "contents": [{"content_id": "1", "price": 1.5}], "value": 1.5},
    }


def body(*events: dict[str, Any], before: int = 0) -> bytes:
    """The body of a request with these events after a number of others."""
    root = {"event_source": "web", "event_source_id": "C4A1", "data": [*[event()] * before, *events]}
    return json.dumps(root, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize("name", HASHED)
@pytest.mark.parametrize(
    "value", ["bob", digest("x").upper(), digest("x")[:-1], digest("x") + "0", "", None, 12125550142, [], ["bob"]]
)
def test_a_hashed_parameter_that_holds_no_digest_is_found(name: str, value: object) -> None:
    assert breach_of_events(body(event({name: value}), before=3)) == Breach(name, NO_DIGEST, 3)
    if isinstance(value, str):
        for listed in ([digest("y"), value], [value, digest("y")]):
            assert breach_of_events(body(event({name: listed}), event(), before=1)) == Breach(name, NO_DIGEST, 1)


@pytest.mark.parametrize("text", ['{"user":{"email":"bob', 'user":{"ip":"::1","phone":', '[{"user":{"zip_code":7}}]'])
def test_a_body_that_cannot_be_taken_apart_is_kept_back(text: str) -> None:
    assert breach_of_events(text.encode()) == Breach("a property", NO_DIGEST)


def test_digests_alone_and_in_lists_pass() -> None:
    several = [digest(str(number)) for number in range(30)]
    for value in (several[0], several[:1], several):
        assert breach_of_events(body(event(dict.fromkeys(HASHED, value)), before=2)) is None


def test_a_property_of_ones_own_with_the_name_of_a_hashed_parameter_passes() -> None:
    assert breach_of_events(body(event(email="yes", phone=True, zip_code=["94107"]), before=400)) is None
    assert breach_of_events(b'{"properties":{"email":"bob"}}') is None


@pytest.mark.parametrize("mail", MAILS)
def test_an_address_is_found_wherever_it_stands(mail: str) -> None:
    for name in TEXTS:
        place = event({name: mail}) if name in {"user_agent", "ttclid"} else event(**{name: mail})
        assert breach_of_events(body(place, event(), before=2)) == Breach(name, EMAIL, 2)
    assert breach_of_events(body({**event(), "event_id": mail}, before=1)) == Breach("event_id", EMAIL, 1)
    assert breach_of_events(body(event(note={"list": [1, mail]}))) == Breach("list", EMAIL, 0)


@pytest.mark.parametrize("phone", [*DIALLED, *UNUSUAL])
def test_a_phone_number_with_its_plus_sign_is_found_wherever_it_stands(phone: str) -> None:
    for name in TEXTS:
        assert breach_of_events(body(event(**{name: phone}), before=2)) == Breach(name, PHONE, 2)


@pytest.mark.parametrize("phone", BEHIND_LETTERS)
def test_a_plus_sign_behind_letters_begins_a_number_in_a_text_only(phone: str) -> None:
    assert breach_of_events(body(event(description=f"call {phone} now"))) == Breach("description", PHONE, 0)
    assert breach_of_events(body(event({"user_agent": phone}, order_id=phone), before=1)) is None


@pytest.mark.parametrize("phone", [*SPACED, *UNUSUAL_SPACED])
def test_a_phone_number_written_as_one_is_found_in_a_text_and_let_through_in_an_id(phone: str) -> None:
    assert breach_of_events(body(event(description=f"call {phone} now"))) == Breach("description", PHONE, 0)
    assert breach_of_events(body(event({"user_agent": phone}, order_id=phone), before=1)) is None


@pytest.mark.parametrize("text", [*HARMLESS, *IN_ADDRESSES, "@shop", "#1 @home", "a @ b", 'say \\"email\\": "x"'])
def test_what_only_looks_like_it_passes(text: str) -> None:
    user = {"user_agent": text, "ttclid": text}
    assert breach_of_events(body(event(user, order_id=text, description=text, note=text), before=1)) is None


@given(text=st.text(max_size=80), before=st.integers(0, 3))
@example(text='","user":{"email":"x"},"properties":{', before=0)
@example(text='\\"phone\\":', before=1)
def test_no_text_hides_what_stands_beside_it(text: str, before: int) -> None:
    beside = {"user_agent": text, "first_name": "bob"}
    assert breach_of_events(body(event(beside, description=text), before=before)) is not None
    assert breach_of_events(body(event(description=text, note="ask bob@example.com"), before=before)) is not None


ORDINARY = st.text(st.characters(exclude_characters="@%+(", exclude_categories=["Cs"]), max_size=60).filter(
    lambda text: not any(one.isdigit() for one in text)
)


@given(texts=st.lists(ORDINARY, min_size=4, max_size=4), number=st.integers(0, 10**18))
def test_ordinary_texts_and_any_number_pass(texts: list[str], number: int) -> None:
    note, agent, city, name = texts
    found = event({"user_agent": agent, "city": city}, description=note, order_id=str(number), own=number, title=name)
    assert breach_of_events(body(found, before=1)) is None


def test_the_name_of_a_property_is_not_shown_where_it_could_name_somebody() -> None:
    breach = breach_of_events(body(event(**{"bob@example.com": "eve@example.com"})))
    assert breach is not None
    assert "example" not in breach.parameter


@pytest.mark.parametrize("size", range(120))
def test_a_body_of_any_length_is_looked_at(size: int) -> None:
    assert breach_of_events(b"x" * size) is None


@pytest.mark.parametrize("turn", [0, pytest.param(1, marks=pytest.mark.thorough)])
def test_a_breach_is_found_at_every_place_of_a_long_body(turn: int) -> None:
    """Also where two of the parts meet in which a body is looked at; at each place one number after the other."""
    numbers = (b' +12125550142"}]}', b' 212-555-0142"}]}')
    for padding in range(PART - 84, PART + 26):
        long = b'{"data":[{"note":"%s' % (b" " * padding)
        assert breach_of_events(long + numbers[(padding + turn) % 2]) is not None


def test_a_row_of_an_audience_holds_digests_only() -> None:
    entry = {"id": digest("a"), "audience_ids": ["71"]}
    good = {"id_schema": ["EMAIL_SHA256"], "batch_data": [[entry, {}]] * 3}
    assert breach_of_members(json.dumps(good, separators=(",", ":")).encode()) is None
    bad = {**good, "batch_data": [[entry, {}], [{}, {**entry, "id": "bob"}]]}
    assert breach_of_members(json.dumps(bad, separators=(",", ":")).encode()) == Breach("id", NO_DIGEST, 1)


def test_nothing_is_sent_of_such_a_request_and_the_message_names_the_place_but_not_the_value(
    httpserver: HTTPServer,
) -> None:
    payload = json.dumps(event(description="ask bob@example.com"), separators=(",", ":")).encode()
    numbers = [[7], [1_012, 1_013]]
    batch = Batch(4, Route("web", "C4A1"), 2, 3, json.dumps(event()).encode() + b"," + payload, 0, numbers.__getitem__)
    with EventsClient(httpserver.url_for(""), FixedToken(SecretStr("t"))) as client:
        answer = client.attempt(batch)
    assert (answer.verdict, answer.seconds) == (Verdict.BLOCKED, 0)
    assert answer.message.startswith(
        "Nothing was sent of a request in which description holds an e-mail address (in batch 4, rows 1,012, 1,013 of "
        "the result)."
    )
    assert "bob" not in answer.message
    assert httpserver.log == []


def test_nothing_is_sent_to_an_audience_either(httpserver: HTTPServer) -> None:
    batch = Batch(1, route_to(Action.ADD, ["email"], "71"), 1, 1, b'[{"id":"bob@example.com","audience_ids":["71"]}]')
    with MappingClient(httpserver.url_for(""), FixedToken(SecretStr("t")), {"71": ["1"]}) as client:
        assert client.attempt(batch).verdict is Verdict.BLOCKED
    assert httpserver.log == []


@pytest.mark.parametrize("text", [":+1+123456780958", ",:+12125550142", ":+12125550142"])
def test_a_number_in_a_text_that_begins_with_a_colon_is_known_by_its_own_name(text: str) -> None:
    for value in (text, ["x", text]):
        assert breach_of_events(body(event(description=value))) == Breach("description", PHONE, 0)


@pytest.mark.parametrize("text", [":+1 212", "::a%2540b", 'say \\":+1'])
def test_a_text_that_begins_with_a_colon_passes_without_a_number(text: str) -> None:
    for value in (text, ["x", text]):
        assert breach_of_events(body(event(description=value))) is None
    assert breach_of_events(body(event(order_id=":+1+123456780958"))) is None
