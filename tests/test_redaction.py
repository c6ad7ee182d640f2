"""E-mail addresses and phone numbers are removed from texts whatever their encoding, and nothing else is."""

import json
import string
from collections.abc import Callable
from functools import cache
from time import process_time
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.catalogue import Plain
from connector.core.redaction import REDACTED, anonymous, holds_address, redact, without_addresses
from connector.destinations.guard import breach_of_events
from connector.simulator.pii_scan import count_pii
from connector.transform.sql.functions import register_redaction
from connector.transform.sql.text import guarded, redacted
from tests.hypothesis_settings import scaled

ADDRESSES = [
    "jane@example.com",
    "Jane.Doe+vip@mail.example.co.uk",
    "o'neill@example.net",
    "müller@bücher.example",
    "jane@xn--bcher-kva.example",
    "jane@example.xn--p1ai",
    "иван@почта.рф",
    "उदाहरण@डाकघर.भारत",
    "jane_doe@sub-domain.example.museum",
    "12125550142@sms.example.com",
    "first.m.last@123.example",
    "a@b.co",
]
NO_ADDRESSES = [
    "logo@2x.png",
    "https://cdn.example/img/hero@3x.webp?w=200",
    "https://cdn.example/app@1.2.3.min.js",
    "https://unpkg.com/react@18.2.0/umd/react.production.min.js",
    "https://www.tiktok.com/@shop",
    "https://www.tiktok.com/@shop.example/video/7312345678901234567",
    "https://www.google.com/maps/@52.5170365,13.3888599,15z",
    "https://www.flickr.com/photos/12345678@N00/",
    "https://shop.example/?utm_campaign=sale@50%",
    "https://shop.example/?utm_campaign=sale%4050%25",
    "shoe@40",
    "@scope/pkg",
    "@scope/pkg@1.2.3-rc.1",
    "image@sha256:0123abcd",
    "user@localhost",
    "https://user:secret@localhost:8080/",
    "2 @ 4.50 EUR",
    "meet @ the.shop",
    "@jane.example",
    "@",
    "@@",
    "a@",
    "a@b",
    "a@b.c",
    "a@.",
    "[redacted]@shop.example",
    "50%",
    "100%25",
    "%zz@",
    "C:\\new\\u0041",
    "&#63; &amp; &lt;",
]
ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "percent": lambda text: quote(text, safe=""),
    "percent, small letters": lambda text: quote(text, safe="").lower(),
    "twice": lambda text: quote(quote(text, safe=""), safe=""),
    "three times": lambda text: quote(quote(quote(text, safe=""), safe=""), safe=""),
    "every byte": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "every byte twice": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()).replace("%", "%25"),
    "HTML": lambda text: text.replace("@", "&#64;"),
    "HTML, hexadecimal": lambda text: text.replace("@", "&#x40;").replace(".", "&#x2E;"),
    "HTML, twice": lambda text: text.replace("@", "&amp;#64;"),
    "HTML in a URL": lambda text: quote(text.replace("@", "&#64;"), safe=""),
    "JSON": lambda text: text.replace("@", "\\u0040"),
    "JSON in JSON": lambda text: text.replace("@", "\\\\u0040"),
    "JSON in a URL": lambda text: quote(text.replace("@", "\\u0040"), safe=""),
    "JavaScript": lambda text: text.replace("@", "\\x40"),
}
FRAMES = [
    ("https://shop.example/thanks?email=", "&order=17&ttclid=E.C.P.abc"),
    ("https://shop.example/thanks?ttclid=E.C.P.abc&email=", ""),
    ("https://shop.example/u/", "/orders/17?x=1"),
    ("https://shop.example/#", ""),
    ("https://shop.example/#/user=", "&x=1"),
    ("https://", "@shop.example/path?x=1"),
    ("https://a.example/?to=https%3A%2F%2Fshop.example%2F%3Femail%3D", "%26order%3D17&x=1"),
    ("https://a.example/?to=https%253A%252F%252Fshop.example%252F%253Femail%253D", "%2526order%253D17"),
    ("mailto:", "?subject=x"),
    ("", ""),
    ("ask <", "> please"),
    ("ask (", ") or ["),
    ("'", "'"),
    ("“", "”"),
    ("a=1;b=", ";c=2"),
    ("\U0001f600 ", ", thanks"),
]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_removed_and_everything_around_it_stays(address: str, encoding: str) -> None:
    written = ENCODINGS[encoding](address)
    for before, after in FRAMES:
        assert without_addresses(before + written + after) == before + REDACTED + after


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_an_at_sign_that_is_no_address_stays(text: str) -> None:
    assert anonymous(text) == text
    for encode in (ENCODINGS["percent"], ENCODINGS["twice"]):
        assert without_addresses(f"https://a.example/?x={encode(text)}") == f"https://a.example/?x={encode(text)}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://jane@shop.example/x", "https://[redacted]@shop.example/x"),
        ("https://user:secret@shop.example/x", "https://user:[redacted]@shop.example/x"),
        ("https://jane%40example.com:secret@shop.example:8443/", "https://[redacted]:[redacted]@shop.example:8443/"),
        ("https://jane@example.com@shop.example/", "https://[redacted]@shop.example/"),
        ("https://shop.example/avatars/jane@example.com.png", "https://shop.example/avatars/[redacted].png"),
        ("jane@example.com_20261129", "[redacted]_20261129"),
        ("jane@example.com-2", "[redacted]-2"),
        ("o1-jane@example.com", "[redacted]"),
        ("jane@@example.com", "[redacted]"),
        ("jane@example..com", "[redacted]"),
        ("jane@example.com.", "[redacted]."),
        ("{jane@example.com}", "{[redacted]}"),
        ('"jane doe"@example.com', "[redacted]"),
        ("jane(home)@example.com", "[redacted]"),
        ("jane\u200b@exam\u00adple.com", "[redacted]"),
        ("a@b.co,c@d.org;e@f.net", "[redacted],[redacted];[redacted]"),
        ('{"to":"\\njane@example.com","tag":"@example.com"}', '{"to":"\\n[redacted]","tag":"@example.com"}'),
        ("?tel=%2B12125550142&x=1", "?tel=[redacted]&x=1"),
        ("?tel=%252B12125550142&x=1", "?tel=[redacted]&x=1"),
        ("?tel=%2B1%20212%20555%200142&x=1", "?tel=[redacted]&x=1"),
        ("?tel=%2B1+212+555+0142&x=1", "?tel=[redacted]&x=1"),
        ("?tel=%2B1%28212%29555-0142&x=1", "?tel=[redacted]&x=1"),
        ("tel &#43;12125550142.", "tel [redacted]."),
        ("tel&#43;12125550142.", "tel[redacted]."),
        ("bob@example.com&#43;12125550142", "[redacted]"),
        ("bob@example.com+1%20212%20555%200142", "[redacted]"),
        ("bob@example.com,&#43;12125550142&#43;49301234567+49301234568", "[redacted],[redacted]"),
        ("(212) 555-0142&#43;49301234567", "[redacted][redacted]"),
        ("+12125550142+49301234567", "[redacted]"),
        ("(212) 555-0142+49301234567+49301234568+1", "[redacted]+1"),
        ("?at=%2B0100&q=a%2Bb&z=%2B05:30", "?at=%2B0100&q=a%2Bb&z=%2B05:30"),
    ],
)
def test_what_is_removed(text: str, expected: str) -> None:
    assert anonymous(text) == expected


LOCALS = st.text(string.ascii_letters + string.digits + "._+-", min_size=1, max_size=12).filter(str.isalnum)
LABELS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)
DOMAINS = st.tuples(st.lists(LABELS, min_size=1, max_size=3), st.sampled_from(["com", "de", "museum", "xn--p1ai"])).map(
    lambda both: ".".join([*both[0], both[1]])
)
WORDS = st.text(string.ascii_letters + string.digits + "-_~", min_size=1, max_size=8)
URL_PIECES = st.lists(st.tuples(WORDS, WORDS), max_size=3).map(
    lambda pairs: [f"{name}={value}" for name, value in pairs]
)


@given(
    local=LOCALS,
    domain=DOMAINS,
    times=st.integers(0, 4),
    small=st.booleans(),
    before=URL_PIECES,
    after=URL_PIECES,
    place=st.sampled_from(["userinfo", "path", "query", "fragment"]),
)
def test_an_address_anywhere_in_a_url_is_removed_and_all_else_stays(
    local: str, domain: str, times: int, small: bool, before: list[str], after: list[str], place: str
) -> None:
    written = f"{local}@{domain}"
    for _ in range(times):
        written = quote(written, safe="")
    written = written.replace("%2B", "%2b") if small else written
    frame = {
        "userinfo": f"https://{{}}@shop.example/p?{'&'.join([*before, *after])}",
        "path": f"https://shop.example/p/{{}}/q?{'&'.join([*before, *after])}",
        "query": f"https://shop.example/p?{'&'.join([*before, 'mail={}', *after])}",
        "fragment": f"https://shop.example/p?{'&'.join([*before, *after])}#{{}}",
    }[place]
    assert anonymous(frame.format(written)) == frame.format(REDACTED)


@given(st.text())
def test_a_text_without_an_at_sign_or_an_escape_is_unchanged(text: str) -> None:
    plain = "".join(character for character in text if character not in "@%&\\")
    assert without_addresses(plain) == plain


PIECES = st.sampled_from(
    (
        *"+-().@/ \\\"%=&:,';#?[]\n",
        *("%40", "%2540", "%2B", "%2b", "/@", "+1", "(212)", "555", "-0142", "212", "4930", "7946", "12345678"),
        *("bob", "example.com", "é", "@example", ".co", ".png", "&#64;", "&#x40;", "\\u0040", "%34%30", "%25", "40"),
        *("?m=", "&m=", "bob@example.com", "https://", "&#43;", "\u200b", "%3D", "http%3A%2F%2F"),
        *("\u00a0", "\u2011", "\u00ad", "\uff0b", "\uff11", "\uff12", "%C2%A0", "%31", "x", "_", "Tel"),
    )
)
WOVEN = st.lists(PIECES, max_size=14).map("".join)


@cache
def engine() -> duckdb.DuckDBPyConnection:
    """Open one database for all tests of this process."""
    connection = duckdb.connect(config={"threads": 1})
    register_redaction(connection)
    return connection


def by_sql(expression: str, texts: list[str]) -> list[str | None]:
    engine().register("given", pa.table({"x": texts}))
    return [value for (value,) in engine().sql(f"SELECT {expression} FROM given").fetchall()]


@scaled(settings(deadline=None), 40)
@given(texts=st.lists(WOVEN, min_size=60, max_size=60))
def test_sql_and_python_agree(texts: list[str]) -> None:
    assert by_sql(guarded("x", Plain.TEXT), texts) == list(map(anonymous, texts))
    assert by_sql(redacted("x", "no phones"), texts) == list(map(without_addresses, texts))


@settings(max_examples=200, deadline=None)
@given(text=WOVEN)
def test_what_is_left_holds_nothing_more_and_passes_the_guard(text: str) -> None:
    left = anonymous(text)
    assert not holds_address(left)
    body = json.dumps({"data": [{"properties": {"note": left}}]}, ensure_ascii=False, separators=(",", ":"))
    assert breach_of_events(body.encode()) is None


@settings(max_examples=200, deadline=None)
@given(
    before=st.sampled_from(["", " ", "Call ", "\n", "(", "é", "a", "x=", "1"]),
    number=st.sampled_from(["+12125550142", "%2B12125550142", "%2b493012345678", "+1234567890", "+123456789012345"]),
    after=st.sampled_from(["", "x", "_", "ext5", "é", " ", "%", "\\n", '"', "+1", "-7", ".5"]),
)
def test_the_guard_finds_every_number_that_the_simulator_finds(before: str, number: str, after: str) -> None:
    note = before + number + after
    for key in ("note", "order_id"):
        events = [{"properties": {key: note}}]
        body = json.dumps({"data": events}, ensure_ascii=False, separators=(",", ":")).encode()
        assert breach_of_events(body) is not None or not count_pii(events, frozenset())


@pytest.mark.parametrize("text", [*ADDRESSES, *NO_ADDRESSES])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_guard_finds_what_is_removed_and_nothing_else(text: str, encoding: str) -> None:
    note = f"x {ENCODINGS[encoding](text)} y"
    body = json.dumps({"data": [{"properties": {"note": note}}]}, ensure_ascii=False, separators=(",", ":"))
    breach = breach_of_events(body.encode())
    assert (breach is not None) == (without_addresses(note) != note)
    assert breach is None or (breach.parameter, breach.holds, breach.event) == ("note", "an e-mail address", 0)


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_message_quotes_no_address(address: str) -> None:
    for encode in ENCODINGS.values():
        assert address not in redact(f"Conversion Error: could not read {encode(address)} in line 3")
        assert not holds_address(redact(f"could not read {encode(address)} in line 3"))


@pytest.mark.parametrize(
    "text",
    [
        "@" * 50_000,
        "a" * 50_000 + "@",
        "a." * 25_000 + "@" + "a." * 25_000,
        "@a.1" * 12_000,
        "%25" * 20_000 + "40",
        "&amp;" * 10_000 + "#64;",
        "\\" * 50_000 + "u0040",
        "//" * 25_000 + "a@b.co",
        "a@b.co" * 8_000,
        "%40" * 20_000,
        "&#43;12125550142" * 4_000,
        "+1%20212%205550142" * 3_000 + "&#64;",
        "+12125550142" * 5_000,
    ],
    ids=str.__len__,
)
def test_a_text_made_to_be_slow_is_not(text: str) -> None:
    began = process_time()
    anonymous(text)
    assert process_time() - began < 2
