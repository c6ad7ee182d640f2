"""What names a person in a column that is no identifier leaves the process in no event and no rejected row."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.destinations.tiktok.guard import breach_of_events
from connector.transform.template import Column, Constant, DataTemplate, Source
from tests.plain import DIALLED, HARMLESS, IN_ADDRESSES, SPACED
from tests.reference import Settings
from tests.transform.harness import Outcome, transformed

NOW = 1_700_000_000
PIXEL = "C4A1B2C3D4E5F6G7H8I9"
ADDRESS = "Jane.Doe+vip@example.com"
IDS = ("event_id", "order_id", "shop_id", "content_id")
TEXTS = ("description", "content_name", "content_category", "brand", "content_type")
WRITTEN = (ADDRESS, f"ask {ADDRESS} please", f"<{ADDRESS}>", '"jane doe"@example.com', "jane@@example.com")


def outcome(columns: dict[str, str], *, web: bool = False, template: DataTemplate | None = None) -> Outcome:
    row = {"event": "Purchase", "email": "jo@example.org", "page_url": "https://a.example", **columns}
    arrays = {name: pa.array([value]) for name, value in row.items()}
    table = pa.table({"timestamp": pa.array([NOW]), **arrays})
    source = {"event_source": "web", "event_source_id": PIXEL} if web else {}
    return transformed(table, Settings(started_at=NOW, **source), template or DataTemplate("tiktok_events"))  # type: ignore[arg-type]


@pytest.mark.parametrize("column", TEXTS)
@pytest.mark.parametrize("written", WRITTEN)
def test_an_address_is_taken_out_of_a_text(column: str, written: str) -> None:
    (text,) = outcome({column: written}).texts
    assert "example.com" not in text
    assert "[redacted]" in text


@pytest.mark.parametrize("column", IDS)
def test_an_id_that_is_an_address_becomes_a_digest(column: str) -> None:
    (event,) = outcome({column: ADDRESS}).events
    assert hashlib.sha256(ADDRESS.encode()).hexdigest()[:36] in json.dumps(event, default=str)
    assert "example.com" not in json.dumps(event, default=str)


def test_events_whose_ids_are_addresses_stay_apart() -> None:
    table = pa.table(
        {
            "timestamp": [NOW] * 3,
            "event": ["Purchase"] * 3,
            "email": ["jo@example.org"] * 3,
            "event_id": ["a@example.com", "b@example.com", "a@example.com"],
        }
    )
    assert transformed(table, Settings(started_at=NOW), DataTemplate("tiktok_events")).rows == [[1, 3], [2]]


@pytest.mark.parametrize("column", ["page_url", "referrer_url"])
def test_an_address_is_taken_out_of_a_url(column: str) -> None:
    for written in ("https://a.example/?mail=jane@example.com&x=1", "https://a.example/?mail=jane%40example.com&x=1"):
        (text,) = outcome({column: written}, web=True).texts
        assert "example.com" not in text


def test_an_address_is_taken_out_of_a_property_of_ones_own() -> None:
    template = DataTemplate("own", sources={"properties.note": (Column("note"),)})
    (event,) = outcome({"note": f"for {ADDRESS}"}, template=template).events
    assert event["properties"]["note"] == "for [redacted]"


def test_texts_without_an_address_stay_as_they_are() -> None:
    (event,) = outcome({"description": "2 for 1, (3-4) +5 free", "content_name": "Jane's 50% off: #3"}).events
    assert event["properties"]["description"] == "2 for 1, (3-4) +5 free"
    assert event["properties"]["contents"] == [{"content_name": "Jane's 50% off: #3"}]


def events_of(written: Sequence[str], columns: Sequence[str], template: DataTemplate | None = None) -> list[Any]:
    """The web events of rows, each of which has one of the texts in all of the columns."""
    count = len(written)
    given = {
        "timestamp": [NOW] * count,
        "event": ["Purchase"] * count,
        "event_id": [f"e{number}" for number in range(count)],
        "email": ["jo@example.org"] * count,
        "page_url": ["https://a.example"] * count,
        **{name: list(written) for name in columns},
    }
    settings = Settings(started_at=NOW, event_source="web", event_source_id=PIXEL)
    events = transformed(pa.table(given), settings, template or DataTemplate("tiktok_events")).events
    assert len(events) == len(written)
    return events


def texts_in(event: Any) -> dict[str, str]:
    """What stands in the text columns."""
    return {**event["properties"], **event["properties"]["contents"][0]}


def test_a_phone_number_is_taken_out_of_a_text() -> None:
    for event, written in zip(events_of([*DIALLED, *SPACED], TEXTS), [*DIALLED, *SPACED], strict=True):
        for column in TEXTS:
            assert texts_in(event)[column].removeprefix("tel:").removeprefix("1-") == "[redacted]", written


def test_a_phone_number_with_its_plus_sign_is_taken_out_of_a_url_and_a_browsers_name() -> None:
    for event in events_of([f"https://a.example/?x={one}&y" for one in DIALLED], ("page_url", "referrer_url", "agent")):
        found = {*event["page"].values(), event["user"]["user_agent"]}
        assert {one.replace("tel:", "") for one in found} == {"https://a.example/?x=[redacted]&y"}


def test_an_id_that_is_a_phone_number_becomes_a_digest() -> None:
    (event,) = events_of(["+12125550142"], IDS)
    digest = hashlib.sha256(b"+12125550142").hexdigest()[:36]
    assert {event["event_id"], *(texts_in(event)[name] for name in IDS[1:])} == {digest}


def test_what_is_of_no_use_without_a_part_of_it_is_left_out_whole() -> None:
    columns = ("tiktok_click_id", "cookie_id", "locale", "city", "state")
    for event in events_of([ADDRESS, "+12125550142", "a%40b.example"], columns):
        assert set(event["user"]) == {"email"}


def test_what_a_template_gives_as_a_constant_is_treated_alike() -> None:
    sources: dict[str, Source] = {
        "description": Constant(f"write to {ADDRESS}"),
        "order_id": Constant(ADDRESS),
        "properties.note": Constant("call +1 212 555 0142"),
    }
    (event,) = events_of(["x"], ("brand",), DataTemplate("own", sources=sources))
    assert event["properties"]["description"] == "write to [redacted]"
    assert event["properties"]["order_id"] == hashlib.sha256(ADDRESS.encode()).hexdigest()[:36]
    assert event["properties"]["note"] == "call [redacted]"


def test_what_names_a_person_is_taken_out_of_lists_and_structures_of_ones_own() -> None:
    template = DataTemplate("own", sources={"properties.tags": (Column("tags"),)})
    kind = pa.list_(pa.struct([("who", pa.string()), ("n", pa.float64())]))
    rows = [[{"who": ADDRESS, "n": 1e20}, {"who": "(212) 555-0142", "n": 2125550142.5}, {"who": "x", "n": -7.0}]]
    tags = {"timestamp": [NOW], "event": ["Purchase"], "email": ["jo@example.org"], "tags": pa.array(rows, type=kind)}
    (event,) = transformed(pa.table(tags), Settings(started_at=NOW), template).events
    found = [(one["who"], float(one["n"])) for one in event["properties"]["tags"]]
    assert found == [("[redacted]", 1e20), ("[redacted]", 2125550142.5), ("x", -7.0)]


def test_what_only_looks_like_it_stays_as_it_is() -> None:
    columns = ("description", "order_id", "content_id", "brand", "page_url", "agent", "tiktok_click_id")
    for event, written in zip(events_of(HARMLESS, columns), HARMLESS, strict=True):
        found = texts_in(event)
        assert {found[name] for name in ("description", "order_id", "content_id", "brand")} == {written}
        assert {event["page"]["url"], event["user"]["user_agent"], event["user"]["ttclid"]} == {written}


def test_the_name_of_a_profile_and_a_plus_sign_stay_in_the_address_of_a_page() -> None:
    for event, written in zip(events_of(IN_ADDRESSES, ("page_url", "referrer_url")), IN_ADDRESSES, strict=True):
        assert event["page"] == {"url": written, "referrer": written}


PIECES = st.sampled_from(
    (
        *"+-().@/ \\\"%=&:,'\n",
        *("%40", "%2B", "%2b", "/@", "+1", "(212)", "555", "-0142", "212", "4930", "7946", "0958", "12345678"),
        *("bob", "example.com", "é", "@example", ".co"),
    )
)
WOVEN = st.lists(PIECES, min_size=1, max_size=14).map("".join)


@settings(max_examples=12, deadline=None)
@given(written=st.lists(WOVEN, min_size=40, max_size=40))
def test_whatever_the_text_what_comes_out_is_let_through_on_its_way_to_tiktok(written: list[str]) -> None:
    """The transform takes out no less than the guard of the destination finds: no text stops a run."""
    count = len(written)
    every = [*TEXTS, *IDS, "agent", "ttclid", "ttp", "locale", "city", "state", "page_url", "referrer_url", "note"]
    given = {"timestamp": [NOW] * count, "event": ["Purchase"] * count, "email": ["jo@example.org"] * count}
    table = pa.table({**given, **dict.fromkeys(every, written), "tags": pa.array([[one] for one in written])})
    template = DataTemplate("own", sources={f"properties.{name}": (Column(name),) for name in ("note", "tags")})
    found = transformed(table, Settings(started_at=NOW, event_source="web", event_source_id=PIXEL), template)
    assert sum(map(len, found.rows)) + len(found.rejected) == count
    for text in found.texts:
        assert breach_of_events(b'{"data":[%s]}' % text.encode()) is None, text
