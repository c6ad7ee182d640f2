"""What names a person in a column that is no identifier leaves the process in no event and no rejected row."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.destinations.guard import breach_of_events
from connector.transform.derived import signs_of
from connector.transform.sql.text import CONTROL_SIGN, DIALLED_SIGN, HIDDEN_SIGN, SPACED_SIGN
from connector.transform.template import Column, Constant, DataTemplate, Source
from tests.hypothesis_settings import scaled
from tests.plain import BEHIND_LETTERS, DIALLED, HARMLESS, IN_ADDRESSES, SPACED, UNSEEN, UNUSUAL, UNUSUAL_SPACED
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


def test_values_without_any_sign_are_not_searched() -> None:
    assert signs_of(pa.array(["shoes", None, "", "Size 40"])) == signs_of(pa.array([[], ["red"]])) == 0
    assert [signs_of(pa.array(["shoes", one])) for one in ("a@b", "a[at]b", "1-2", "\n")] == [
        DIALLED_SIGN, HIDDEN_SIGN, SPACED_SIGN, CONTROL_SIGN
    ]  # fmt: skip


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


def seen(text: str) -> str:
    """What one sees of a text."""
    return text.translate(dict.fromkeys(map(ord, UNSEEN)))


def test_a_phone_number_is_removed_whatever_its_separators_and_digits_are() -> None:
    columns = ("description", "order_id", "content_id", "page_url", "tiktok_click_id")
    for event, written in zip(events_of(UNUSUAL, columns), UNUSUAL, strict=True):
        found = texts_in(event)
        assert (found["description"], event["page"]["url"]) == ("[redacted]", "[redacted]"), ascii(written)
        assert found["order_id"] == digest_of(seen(written)), ascii(written)
        assert "ttclid" not in event["user"]
    for event, written in zip(events_of(UNUSUAL_SPACED, columns), UNUSUAL_SPACED, strict=True):
        kept = texts_in(event)["description"], texts_in(event)["order_id"], event["page"]["url"]
        assert kept == ("[redacted]", seen(written), written), ascii(written)


def test_a_plus_sign_right_behind_letters_begins_a_number_in_a_text_only() -> None:
    columns = ("description", "brand", "order_id", "page_url")
    for event, written in zip(events_of(BEHIND_LETTERS, columns), BEHIND_LETTERS, strict=True):
        found, removed = texts_in(event), written.partition("+")[0] + "[redacted]"
        assert (found["description"], found["brand"]) == (removed, removed)
        assert (found["order_id"], event["page"]["url"]) == (written, written)


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


@scaled(settings(deadline=None), 30)
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


OWN = [
    ("(212) 555-0142", ["2125550142", "12125550142", "212-555-0142", "+1 212 555 0142", "001 212 555 0142"]),
    ("+1 179 000 0000", ["179.000.0000", "1790000000.00", "1.179.000.0000"]),
    ("+1-212-555-0142", ["2125550142", "12125550142", "1.212.555.0142"]),
    ("+33 6 39 98 01 23", ["0639980123", "33639980123", "06 39 98 01 23", "0033639980123"]),
    ("0639980123", ["33639980123", "639980123"]),
    ("+44 (0) 20 7946 0958", ["02079460958", "442079460958", "020 7946 0958"]),
    ("020 7946 0958", ["442079460958"]),
    ("+39 06 1234 5678", ["0612345678", "390612345678"]),
    ("tel:+12125550142", ["2125550142"]),
    (
        "\uff12\uff11\uff12\uff15\uff15\uff15\uff10\uff11\uff14\uff12",
        ["\uff12\uff11\uff12\uff15\uff15\uff15\uff10\uff11\uff14\uff12"],
    ),
    ("2125550142", ["\uff12\uff11\uff12-\uff15\uff15\uff15-\uff10\uff11\uff14\uff12", "\uff12125550142"]),
    ("home 2125550142", ["home 2125550142"]),
    ("2125550142 or 2125550143", ["2125550142 or 2125550143"]),
    *(
        (phone, ["2125550142", "12125550142", "tel:2125550142", "TEL:+1-212-555-0142", "2125550142.0"])
        for phone in (
            *("2125550142 ext 5", "2125550142x5", "2125550142 X5", "2125550142 ext. 1234", "2125550142 extension 5"),
            *("+12125550142;ext=5", "2125550142#5", "(212) 555-0142 (mobile)", "2125550142 m"),
            *("2125550142.0", "２１２５５５０１４２", "2125550142 / 2125550143", "2125550143/2125550142"),
            *("2125550142 or 2125550143", "call 212.555.0142", "+1\u00ad212\u200b5550142\u200e", "212‑555‑0142"),
        )
    ),
    ("+1 212 555 0143; +1 212 555 0142", ["2125550142", "12125550143"]),
]
NOT_OWN = [
    "2125550143",
    "5550142",
    "112125550142000",
    "OR-2125550142",
    "2125550142-A",
    "00000142",
    "42",
    "1234567890142",
    "2125550143.0",
    "tel:2125550143",
    "tel:5550142",
]


def ids_of(phone: pa.Array, identifiers: pa.Array) -> list[str]:
    """What is sent as order and content id, and as event id, of rows with these phones and ids."""
    count = len(identifiers)
    given = {"timestamp": [NOW] * count, "event": ["Purchase"] * count, "email": ["jo@example.org"] * count}
    table = pa.table({**given, "phone": phone, **dict.fromkeys(("order_id", "content_id", "shop_id"), identifiers)})
    events = transformed(table, Settings(started_at=NOW), DataTemplate("tiktok_events")).events
    found = [[texts_in(event)[name] for name in ("order_id", "content_id", "shop_id")] for event in events]
    assert all(len(set(one)) == 1 for one in found)
    return [one[0] for one in found]


def digest_of(identifier: str) -> str:
    return hashlib.sha256(identifier.encode()).hexdigest()[:36]


@pytest.mark.parametrize(("phone", "identifiers"), OWN)
def test_an_id_that_is_the_rows_own_phone_number_becomes_a_digest(phone: str, identifiers: list[str]) -> None:
    for phones in ([phone] * len(identifiers), [[None, "x", phone]] * len(identifiers)):
        assert ids_of(pa.array(phones), pa.array(identifiers)) == list(map(digest_of, identifiers))


def test_another_number_stays_as_an_id() -> None:
    assert ids_of(pa.array(["(212) 555-0142"] * len(NOT_OWN)), pa.array(NOT_OWN)) == NOT_OWN
    assert ids_of(pa.array([None] * len(NOT_OWN), pa.string()), pa.array(NOT_OWN)) == NOT_OWN


def test_an_id_that_is_a_number_is_compared_with_phones_that_are_numbers_too() -> None:
    phones, identifiers = [2125550142, 12125550142, 2125550142, None], [12125550142, 2125550142, 2125550141, 2125550142]
    found = ids_of(pa.array(phones), pa.array(identifiers))
    assert found == [digest_of("12125550142"), digest_of("2125550142"), "2125550141", "2125550142"]


@scaled(settings(deadline=None), 40)
@given(
    numbers=st.lists(
        st.integers(10**9, 10**10 - 1).filter(lambda one: len(set(str(one))) > 2), min_size=30, max_size=30, unique=True
    ),
    shift=st.sampled_from([0, 0, 1, -7]),
    separator=st.sampled_from(["", " ", "-", "."]),
)
def test_an_id_of_digits_is_a_digest_if_and_only_if_it_is_the_phone(
    numbers: list[int], shift: int, separator: str
) -> None:
    phones = [f"+1 {one}" for one in numbers]
    identifiers = [
        separator.join((str(one + shift)[:3], str(one + shift)[3:6], str(one + shift)[6:])) for one in numbers
    ]
    expected = [one if shift else digest_of(one) for one in identifiers]
    assert ids_of(pa.array(phones), pa.array(identifiers)) == expected


def test_the_same_row_has_the_same_derived_id_whatever_stands_beside_it() -> None:
    def ids(*phones: str) -> list[str]:
        count = len(phones)
        given = {"timestamp": [NOW] * count, "event": ["Purchase"] * count, "phone": list(phones)}
        table = pa.table({**given, "order_id": [phone.removeprefix("+") for phone in phones]})
        return [event["event_id"] for event in transformed(table, Settings(started_at=NOW), DataTemplate("t")).events]

    assert ids("+12125550142", "+12125550143")[1] == ids("+12125550143")[0]
