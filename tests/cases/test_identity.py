"""Identifiers as real data has them: what stands around and inside of them, placeholders, and countries."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.countries import ALPHA2, alpha2, names
from connector.transform.emails import parts_of
from connector.transform.template import DataTemplate
from tests.cli.command import Outcome, inside
from tests.duckdb_file import writing
from tests.hypothesis_settings import scaled
from tests.reference import Settings
from tests.transform.harness import Outcome as Transformed
from tests.transform.harness import transformed

NOW = 1_700_000_000
SETTINGS = """\
version: 1
target: local
warehouses: {w: {url: "duckdb:///wh.duckdb"}}
credentials: {tiktok: {access_token: simulator}}
destinations:
  d:
    type: tiktok_events
    credential: tiktok
    api_url: simulator
    advertiser_id: "7654321098765432109"
    event_source: SOURCE
    event_source_id: ID
    fixed_event_name: Purchase
orchestrations: {o: {destination: d, query: q, warehouse: w}}
targets: {local: {}}
"""
SOURCES = {"offline": '"7654321098765432109"', "web": "C4EXAMPLE0PIXEL0CODE"}


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


JANE, JOHN = digest("jane@example.com"), digest("john@example.com")
FIRST, SECOND = digest("+12133734253"), digest("+12133734254")


def command(directory: Path, sql: str, *args: str, source: str = "offline") -> Outcome:
    (directory / "queries").mkdir(parents=True, exist_ok=True)
    (directory / "queries" / "q.sql").write_text(sql)
    (directory / "orchestrations.yaml").write_text(SETTINGS.replace("SOURCE", source).replace("ID", SOURCES[source]))
    with writing(directory / "wh.duckdb"):
        pass
    return inside(*args, project=directory)


def events(outcome: Outcome) -> dict[str, Any]:
    """The events of a preview, by order id."""
    return {event["properties"]["order_id"]: event for body in outcome.json["requests"] for event in body["data"]}


def hashed(columns: dict[str, list[Any]], *, region: str = "US", web: bool = False) -> Transformed:
    count = len(next(iter(columns.values())))
    usual = {"timestamp": [NOW] * count, "event": ["Purchase"] * count, "event_id": [f"e{n}" for n in range(count)]}
    if web:
        usual["page_url"] = ["https://shop.example/"] * count
    source, source_id = ("web", SOURCES["web"]) if web else ("offline", "7654321098765432109")
    rules = Settings(started_at=NOW, event_source=source, event_source_id=source_id, default_region=region)
    return transformed(pa.table({**usual, **columns}), rules, DataTemplate("tiktok_events"))


def users(outcome: Transformed, name: str) -> list[Any]:
    return [event["user"].get(name) for event in outcome.events]


def test_invisible_characters_come_off_addresses(tmp_path: Path) -> None:
    sql = (
        "select 'r'||i as order_id, e as email, now() as timestamp, 1 as value from (values (0,'jane@example.com'),"
        "(1,chr(8203)||'jane@example.com'),(2,chr(65279)||'jane@example.com'),(3,'jane@example.com'||chr(8206)),"
        "(4,'jane@example.com'||chr(0)),(5,chr(173)||'jane@example.com')) v(i,e)"
    )
    found = events(command(tmp_path, sql, "preview", "o", "--rows", "10", "--json"))
    assert {name: event["user"]["email"] for name, event in found.items()} == {f"r{n}": JANE for n in range(6)}


def test_wrapped_addresses_are_unwrapped_or_invalid(tmp_path: Path) -> None:
    sql = (
        "select 'r'||i as order_id, e as email, now() as timestamp, 1 as value from (values (0,'jane@example.com'),"
        "(1,'<jane@example.com>'),(2,'mailto:jane@example.com'),(3,'\"jane@example.com\"'),(4,'jane@example.com;'),"
        "(5,'(jane@example.com)'),(6,'jane@example.com?subject=hi'),(7,'jane@example..com')) v(i,e)"
    )
    found = events(command(tmp_path, sql, "preview", "o", "--rows", "10", "--json"))
    assert {name: event["user"]["email"] for name, event in found.items()} == {f"r{n}": JANE for n in range(7)}
    done = command(tmp_path, sql, "run", "o", "--json").json
    assert (done["rejects"], done["warnings"]) == ({"invalid_identity": 1}, {"invalid_email": 1})


def test_only_american_postal_codes_are_cut(tmp_path: Path) -> None:
    sql = (
        "select 'r'||i as order_id, 'a'||i||'@example.com' as email, now() as timestamp, 1 as value,"
        " 'https://shop.example/' as page_url, z as zip_code, c as country from (values (0,'M5V 3L9','Canada'),"
        "(1,'M5V 3L9','CA'),(2,'SW1A 1AA','United Kingdom'),(3,'SW1A 1AA','GB'),(4,'110001','India'),(5,'110001','IN'))"
        " v(i,z,c)"
    )
    found = events(command(tmp_path, sql, "preview", "o", "--rows", "10", "--json", source="web"))
    expected = [("m5v3l9", "ca"), ("sw1a1aa", "gb"), ("110001", "in")]
    told = [(event["user"]["zip_code"], event["user"]["country"]) for _, event in sorted(found.items())]
    assert told == [(digest(code), country) for code, country in expected for _ in range(2)]


@pytest.mark.parametrize(
    ("code", "country", "kept"),
    [
        ("95110-1234", "US", "95110"), ("95110-1234", "United States", "95110"), ("95110-1234", None, "95110"),
        ("95110", None, "95110"), ("CA 94107", "US", "94107"), ("USA 94107", "USA", "94107"), ("ca-94107-1234", "us", "94107"),
        ("2134", "US", "2134"), ("CA 94107", None, "94107"), ("USA 94107", None, "94107"), ("DE 10115", None, "de10115"), ("FI-00100", None, "fi00100"), ("LV-1010", "LV", "lv1010"), ("110001", None, "110001"), ("SW1A 1AA", None, "sw1a1aa"),
        ("95110-1234", "Atlantis", "951101234"), ("95110-1234", "Brasil", "951101234"),
    ],
)  # fmt: skip
def test_a_postal_code(code: str, country: str | None, kept: str) -> None:
    outcome = hashed({"email": ["a@b.co"], "zip_code": [code], "country": pa.array([country], pa.string())}, web=True)
    assert users(outcome, "zip_code") == [digest(kept)]
    assert outcome.warnings["unknown_country"] == (country == "Atlantis")


@pytest.mark.parametrize("web", [False, True])
@pytest.mark.parametrize("name", ["country", "phone_region"])
@pytest.mark.parametrize(
    ("country", "phone", "warned"),
    [("Germnay", "030 1234567", True), ("ZZ", "+1 213 373 4253", True), ("Germnay", None, False),
     ("Germany", "030 1234567", False), (" dE ", "030 1234567", False), (None, "213-373-4253", False)],
)  # fmt: skip
def test_an_unknown_country_of_a_phone_number(
    web: bool, name: str, country: str | None, phone: str | None, warned: bool
) -> None:
    one = {name: pa.array([country], pa.string()), "phone": pa.array([phone], pa.string())}
    warned |= web and name == "country" and country == "Germnay"
    assert hashed({"email": ["a@b.co"], **one}, web=web).warnings["unknown_country"] == warned
    listed = {**one, "phone": pa.array([[phone]], pa.list_(pa.string()))}
    assert hashed({"email": ["a@b.co"], **listed}, web=web).warnings["unknown_country"] == warned


@pytest.mark.parametrize("code", ALPHA2)
def test_every_country_is_known_by_its_codes_and_names(code: str) -> None:
    for name in names(code):
        assert {alpha2(name), alpha2(name.upper()), alpha2(f" {name.lower()}.")} == {code}


INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\ufeff\u202a\u202e\u2066\u2069\u061c\xad\u2060\u2064\u180e\ufffd\0\x01\x1b\x7f\x9f\ufe0f"
WRAPPERS = (
    "{}",
    "<{}>",
    "Jane Doe <{}>",
    '"Doe, Jane" <{}>',
    "Doe, Jane <{}>",
    "mailto:{}",
    "MAILTO:{}?subject=Hello you",
    '"{}"',
    "'{}'",
    "“{}”",
    "({})",
    "[{}]",
    "{{{}}}",
    "{};",
    "{},",
    " {} ; ",
    "{} (Jane)",
    "<mailto:{}>",
)
SEPARATORS = (";", ",", "|", " ", "\n", "; ", " , ", "\r\n", "\t")


@scaled(settings(deadline=None), 60)
@given(st.data())
def test_a_decorated_address_is_the_address(data: st.DataObject) -> None:
    texts = []
    for wrapper in WRAPPERS:
        address = data.draw(st.sampled_from(("jane@example.com", "JANE@Example.COM")))
        place = data.draw(st.integers(0, len(address)))
        texts.append(wrapper.format(address[:place] + data.draw(st.sampled_from(INVISIBLE)) + address[place:]))
    outcome = hashed({"email": texts})
    assert (users(outcome, "email"), outcome.warnings) == ([JANE] * len(texts), {})


def test_two_addresses_in_one_text_are_two() -> None:
    texts = [
        separator.join(wrapper.format(one) for one in ("jane@example.com", "john@example.com"))
        for separator in SEPARATORS
        for wrapper in WRAPPERS[:5]
    ]
    outcome = hashed({"email": texts})
    assert dict(zip(texts, users(outcome, "email"), strict=True)) == {key: [JANE, JOHN] for key in texts}
    assert (outcome.warnings, set(outcome.persons)) == ({}, {JANE[:16] + JOHN[:16]})


def check_invalid(name: str, texts: Sequence[str], warning: str, reason: str = "invalid_identity", **how: Any) -> None:
    """Each of the texts, alone in its row and alone in a list, is for that reason nobody."""
    for forms in (texts, [[text] for text in texts]):
        outcome = hashed({name: list(forms)}, **how)
        found = {text: outcome.rejected.get(row) for row, text in enumerate(texts, 1)}
        assert found == dict.fromkeys(texts, reason)
        assert outcome.warnings == {warning: len(texts)}
        kept = json.dumps(outcome.kept, ensure_ascii=False)
        assert [text for text in texts if json.dumps(text, ensure_ascii=False) in kept] == []


def check_digests(name: str, expected: Mapping[str, object], **how: Any) -> None:
    """Each of the texts, alone in its row, is sent as what is expected of it, without a warning."""
    outcome = hashed({name: list(expected)}, **how)
    assert (outcome.rejected, outcome.warnings) == ({}, {})
    assert dict(zip(expected, users(outcome, name), strict=True)) == expected


def test_an_address_that_cannot_be_is_invalid() -> None:
    texts = [
        "a@b..com",
        ".a@b.com",
        "a.@b.com",
        "a..b@b.com",
        "a@.b.com",
        "a@b.com.",
        "a@b",
        "a@@b.co",
        "jane doe@b.co",
    ]
    check_invalid("email", texts, "invalid_email")


STUCK = (
    "SMTP:{}", "smtp: {}", "to:{}", "To: {}", "email={}", "E-Mail:{}", "email: {}", "mail:{}", "%20{}", "{}%20", "{}:", "{}/",
    "{}!", "{}*", "{}#", "{}$", "{}…", "{}。", "{}://", "&lt;{}&gt;", "Jane &lt;{}&gt;", "&quot;{}&quot;", "&nbsp;{}", "{}&nbsp;",
    "&#60;{}&#62;", "&#x3c;{}&#x3E;", "b'{}'", 'b"{}"', r"{}\t", r"{}\r\n", "\u2800{}", "{}\u2800", "{}%0D%0A", "<smtp:{}>",
)  # fmt: skip


def test_what_programs_stick_to_an_address_comes_off() -> None:
    check_digests("email", {wrapper.format("Jane@example.com"): JANE for wrapper in STUCK})


STUCK_FAST = [
    "https://jane@example.com", "jane@https://example.com", "foo:jane@example.com", "!jane@example.com", "*jane@example.com",
    "#jane@example.com", "$jane@example.com", "=jane@example.com", "jane@example.com=", "jane@example.com1", "jane@example.c",
    "jane@example.c0m", "jane@1.2.3.4", "jane@-example.com", "jane@example-.com", "jane@exa_mple.com", "jane@exam!ple.com",
    "jane@example.com-", "jane@example.com+1", "a" * 65 + "@example.com", "jane@" + "a" * 64 + ".com", "jane,doe@example.com",
    "jane@example.co,uk", "jane@example,com", "jane%20doe@example.com", r"\tom@example.com", "jane@example.com&amp;x=1",
    "😀@example.com", "jane@example.com™",
]  # fmt: skip


def test_an_address_with_something_else_stuck_to_it_is_invalid() -> None:
    check_invalid("email", STUCK_FAST, "invalid_email")


USUAL = [
    "jane+tag@example.com", "jane-doe@example.com", "jane_doe@example.com", "_jane@example.com", "jane@163.com",
    "o'brien@example.com", "jürgen@exämple.de", "jane@пример.рф", "jane@xn--e1afmkfd.xn--p1ai", "jane@a-b--c.co", "jane@a.b.c.museum",
    "jane/sales=emea@example.com", "to.jane@example.com", "mail@example.com", "smtp@example.com", "email@mail.com", "r&d@example.com",
    "a" * 64 + "@example.com", "नाम@उदाहरण.भारत", "1@2.co", "-jane-@example.com", "jane@1und1.de",
]  # fmt: skip


def test_an_address_that_people_have_is_kept() -> None:
    check_digests("email", {text: digest(text) for text in USUAL})


def test_an_invalid_part_does_not_take_the_others_along() -> None:
    outcome = hashed({"email": ["jane@example.com; john", "n/a; jane@example.com"]})
    assert users(outcome, "email") == [JANE, JANE]
    assert outcome.warnings == {"invalid_email": 1, "placeholder_value": 1}


SEVERAL: list[tuple[str, object]] = [
    ("+1 213 373 4253", FIRST), ("+12133734253 +12133734254", [FIRST, SECOND]), ("+12133734253;+12133734254", [FIRST, SECOND]),
    ("213-373-4253 / 213-373-4254", [FIRST, SECOND]), ("2133734253, 2133734254", [FIRST, SECOND]), ("213-373-4253|213-373-4254", [FIRST, SECOND]),
    ("2133734253 2133734254", [FIRST, SECOND]), ("(213) 373-4253 (213) 373-4254", [FIRST, SECOND]), ("213-373-4253\n213-373-4254", [FIRST, SECOND]),
    ("+1 213 373 4253 ext. 7", FIRST), ("+12133734253;ext=7", FIRST), ("213-373-4253,,5", FIRST), ("\u202a+1 213\u200b 373 4253\u202c", FIRST),
]  # fmt: skip


def test_numbers_in_one_text() -> None:
    check_digests("phone", dict(SEVERAL))


@pytest.mark.parametrize(
    "word", ["undefined", "NULL", "None", "NaN", "n/a", r"\N", "#N/A", "(null)", "<null>", "nil", "nu\u200bll"]
)
def test_a_word_that_stands_for_nothing_is_absent(word: str) -> None:
    for name in ("email", "phone", "external_id"):
        outcome = hashed({name: [word]}, web=True)
        assert (outcome.rejected, outcome.warnings) == ({1: "missing_identity"}, {"placeholder_value": 1})
    ids = {name: [word] for name in ("order_id", "shop_id", "content_id", "ttclid", "ttp", "event_id")}
    outcome = hashed({"email": ["jane@example.com"], "first_name": [word], **ids}, web=True)
    (event,) = outcome.events
    assert set(event["user"]) == {"email", "first_name"}
    assert event["properties"] == {"content_type": "product", "currency": "USD"}
    assert (len(event["event_id"]), outcome.warnings) == (36, {"placeholder_value": 1})


@pytest.mark.parametrize("region", ["US", "DE"])
def test_a_phone_of_one_digit_is_absent(region: str) -> None:
    texts = ["0000000000", "+1 111 111 1111", "(999) 999-9999", "+10000000000", "00 00 00 00", "11111111"]
    check_invalid("phone", texts, "placeholder_value", "missing_identity", region=region)


def test_an_integer_of_one_digit_and_a_float_that_is_no_number_are_absent() -> None:
    assert hashed({"phone": [9999999999]}).warnings == {"placeholder_value": 1}
    outcome = hashed({"email": ["jane@example.com"], "order_id": [float("nan")]})
    assert (outcome.warnings, outcome.events[0]["properties"].get("order_id")) == ({"placeholder_value": 1}, None)


IMPOSSIBLE = [
    "06 12 34 56 78", "0412 345 678", "0123456789", "1234567890", "0001112222", "+1 023 456 7890", "+12131234567",
    "213-123-4567", "(213) 023-4567", "+1 (113) 373-4253", "1 113 373 4253", "011 1 113 373 4253", "+11133734253",
    "tel:+1-213-173-4253",
]  # fmt: skip


@pytest.mark.parametrize("region", ["US", "CA"])
def test_a_north_american_number_that_cannot_be_is_invalid(region: str) -> None:
    check_invalid("phone", IMPOSSIBLE, "invalid_phone", region=region)


POSSIBLE = [
    ("(206) 555-0100", "+12065550100"), ("800-555-0199", "+18005550199"), ("+1 206 555 0199", "+12065550199"),
    ("212 200 0000", "+12122000000"), ("2015550123", "+12015550123"), ("+33 6 12 34 56 78", "+33612345678"),
    ("+61 412 345 678", "+61412345678"), ("1-800-FLOWERS", "+18003569377"),
]  # fmt: skip


def test_a_number_that_can_be_is_kept() -> None:
    check_digests("phone", {text: digest(number) for text, number in POSSIBLE})


def test_a_person_may_be_called_null() -> None:
    assert users(hashed({"email": ["a@b.co"], "last_name": ["Null"]}, web=True), "last_name") == [digest("null")]


@pytest.mark.parametrize("column", ["phone_region", "country"])
def test_the_row_says_where_its_phone_belongs(column: str) -> None:
    there = pa.array(["United Kingdom", "GBR", "gb", None, "US", "Nowhere"], pa.string())
    numbers = ["020 7946 0958"] * 3 + ["213-373-4253"] * 3
    assert users(hashed({"phone": numbers, column: there}), "phone") == [digest("+442079460958")] * 3 + [FIRST] * 3


@pytest.mark.parametrize("nothing", [None, "", " ", "n/a", "NULL", "#N/A", "N.A.", "none"])
@pytest.mark.parametrize("web", [False, True])
def test_a_row_without_phone_region_falls_back_to_its_country(nothing: str | None, web: bool) -> None:
    rows = {"phone_region": pa.array(["FR", nothing, nothing], pa.string()), "country": ["DE", "GB", nothing or ""]}
    outcome = hashed({"phone": ["06 12 34 56 78", "020 7946 0958", "213-373-4253"], **rows}, web=web)
    assert users(outcome, "phone") == [digest("+33612345678"), digest("+442079460958"), FIRST]
    placeholders = 0 if (nothing or " ").isspace() else 2
    assert outcome.warnings == ({"placeholder_value": placeholders} if placeholders else {})


@pytest.mark.parametrize(
    ("country", "sent"),
    [("NA", "na"), ("na", "na"), ("Namibia", "na"), ("n/a", None), ("#N/A", None), ("N.A.", None), ("n.a", None),
     ("Null", None), ("NaN", None), ("U.S.", "us")],
)  # fmt: skip
def test_not_available_is_not_namibia(country: str, sent: str | None) -> None:
    outcome = hashed({"email": ["a@b.co"], "country": [country]}, web=True)
    assert (users(outcome, "country"), outcome.warnings) == ([sent], {} if sent else {"placeholder_value": 1})


@pytest.mark.parametrize("text", ["N A", "n-a", "n_a"])
def test_no_other_spelling_is_namibia(text: str) -> None:
    assert alpha2(text) is None


@pytest.mark.parametrize("word", ["null", "N/A", "undefined", r"\N"])
def test_places_and_pages_that_are_called_nothing_are_absent(word: str) -> None:
    places = {name: [word] for name in ("zip_code", "city", "state", "country", "referrer_url")}
    names = {"first_name": [word], "last_name": [word]}
    outcome = hashed({"email": ["a@b.co"], **places, **names}, web=True)
    (event,) = outcome.events
    assert set(event["user"]) == {"email", "first_name", "last_name"}
    assert (event["page"], outcome.warnings) == ({"url": "https://shop.example/"}, {"placeholder_value": 1})
    assert hashed({"email": ["a@b.co"], "page_url": [word]}, web=True).rejected == {1: "missing_page_url"}


def test_many_invalid_phones_ask_for_the_region(tmp_path: Path) -> None:
    sql = "select 'r'||i as order_id, '030 9018 20'||i as phone, 'a'||i||'@example.com' as email, now() as timestamp from range(10, 32) r(i)"
    question = '22 of 22 phone numbers in the column "phone" are invalid. Is default_region: US right?'
    assert question in command(tmp_path, sql, "plan", "o").stderr
    assert any(question in note for note in command(tmp_path, sql, "plan", "o", "--json").json["notes"])
    assert question in command(tmp_path, sql, "run", "o").stderr


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_has_parts(text: str) -> None:
    assert parts_of(text)
