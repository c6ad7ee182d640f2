"""Whatever stands around an address or a phone number: the payload is JSON, holds neither, and is else what was given."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.redaction import change_strings, is_json
from connector.destinations.guard import breach_of_events
from connector.transform.template import Column, DataTemplate
from tests.plain import DIALLED_BEYOND_ASCII, HARMLESS_AT, HIDDEN
from tests.reference import Settings
from tests.transform.harness import Outcome, transformed

NOW = 1_700_000_000
PIXEL = "C4A1B2C3D4E5F6G7H8I9"
NEEDLES = (
    *(
        "jane@example.com",
        "jane%40example.com",
        "jane(at)example.com",
        "jane\uff20example.com",
        '"jane doe"@example.com',
    ),
    *("+12125550142", "+1 212 555 0142", "(212) 555-0142", "212-555-0142", "\uff0b12125550142"),
)
CONTROLS = tuple(map(chr, (*range(0x20), 0x7F, 0x85)))
GLUE = (
    *CONTROLS,
    *("\\", "\\\\", '"', "'", "/", " ", "<", ">", "[", "]", "{", "}", ",", ";", "\u2028", "\ufeff", "\U0001f600"),
)
INNOCENT = (
    "",
    "x",
    "\\u",
    "\\n",
    "\\u0000",
    "&amp;",
    "&#34;",
    "50%",
    "%00",
    "\x00",
    "\u200b",
    "é",
    "\ud7ff",
    "\U0010ffff",
)
TEXTS = ("text", "note", "tags", "deep", "map", "json")
TEMPLATE = DataTemplate(
    "own", sources={"description": (Column("text"),), **{f"properties.{name}": (Column(name),) for name in TEXTS[1:]}}
)
DEEP = pa.list_(pa.struct([("who", pa.string()), ("of", pa.map_(pa.string(), pa.list_(pa.string())))]))


def sent(texts: list[str]) -> list[dict[str, Any]]:
    """The properties of an event for each text, which stands in each kind of column."""
    columns = {
        "timestamp": pa.array([NOW] * len(texts)),
        "event": pa.array(["Purchase"] * len(texts)),
        "email": pa.array(["jo@example.org"] * len(texts)),
        "event_id": pa.array([f"e{number}" for number in range(len(texts))]),
        "text": pa.array(texts),
        "note": pa.array(texts),
        "tags": pa.array([["a", text, None] for text in texts]),
        "deep": pa.array([[{"who": text, "of": [("a", [text]), (f"k{text}", ["b"])]}, None] for text in texts], DEEP),
        "map": pa.array(
            [[(f"{text} 1", {"n": 1.5}), (f"{text} 2", None)] for text in texts],
            pa.map_(pa.string(), pa.struct([("n", pa.float64())])),
        ),
        "json": pa.array(
            [json.dumps({"a": [text, {text: 1}]}, ensure_ascii=bool(number % 2)) for number, text in enumerate(texts)]
        ),
    }
    outcome: Outcome = transformed(pa.table(columns), Settings(started_at=NOW), TEMPLATE)
    for text in outcome.texts:
        assert breach_of_events(b'{"data":[%s]}' % text.encode()) is None, text
    assert len(outcome.events) == len(texts)
    return [event["properties"] for event in outcome.events]


def held(value: object) -> list[str]:
    """Every text in a value, names included, and those in texts that are JSON."""
    if isinstance(value, str):
        return [value, *(held(json.loads(value)) if is_json(value) else [])]
    if isinstance(value, dict):
        return [text for key, inner in value.items() for text in (*held(key), *held(inner))]
    return [text for one in value for text in held(one)] if isinstance(value, list) else []


@settings(max_examples=4, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(GLUE), st.sampled_from(NEEDLES), st.sampled_from(GLUE), st.sampled_from(INNOCENT)),
        min_size=60,
        max_size=60,
    )
)
def test_no_needle_is_sent_whatever_stands_beside_it(pieces: list[tuple[str, str, str, str]]) -> None:
    texts = [f"{far} {before}{needle}{after}" for before, needle, after, far in pieces]
    for (_, needle, _, _), properties in zip(pieces, sent(texts), strict=True):
        assert {"description", *TEXTS[1:]} <= set(properties)
        for text in held(properties):
            assert "example" not in text, (needle, text)
            assert "555" not in text, (needle, text)


@settings(max_examples=4, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from((*GLUE, *INNOCENT, *HARMLESS_AT, "\\" * 3, "\x00\x01")), min_size=1, max_size=6)
        .map(" ".join)
        .filter(lambda text: text.strip() == text and text.strip("\x00\ufeff") != ""),
        min_size=60,
        max_size=60,
    )
)
def test_what_names_nobody_is_sent_as_it_is(texts: list[str]) -> None:
    for number, (text, properties) in enumerate(zip(texts, sent(texts), strict=True)):
        assert properties["note"] == text
        assert properties["tags"] == ["a", text, None]
        assert properties["deep"] == [{"who": text, "of": {"a": [text], f"k{text}": ["b"]}}, None]
        assert properties["map"] == {f"{text} 1": {"n": 1.5}, f"{text} 2": None}
        assert properties["json"] == json.dumps({"a": [text, {text: 1}]}, ensure_ascii=bool(number % 2))


@pytest.mark.parametrize("written", [HIDDEN, DIALLED_BEYOND_ASCII])
def test_hidden_forms_are_removed_from_every_kind_of_column(written: tuple[str, ...]) -> None:
    for text, properties in zip(written, sent([f"a {one} b" for one in written]), strict=True):
        assert (properties["note"], properties["tags"][1]) == ("a [redacted] b",) * 2, ascii(text)
        assert properties["deep"] == [
            {"who": "a [redacted] b", "of": {"a": ["a [redacted] b"], "ka [redacted] b": ["b"]}},
            None,
        ]
        assert json.loads(properties["json"]) == {"a": ["a [redacted] b", {"a [redacted] b": 1}]}, ascii(text)


def test_hidden_forms_are_removed_from_pages_agents_and_ids() -> None:
    written = [*HIDDEN, *DIALLED_BEYOND_ASCII]
    given = {
        "timestamp": [NOW] * len(written),
        "event": ["Purchase"] * len(written),
        "email": ["jo@example.org"] * len(written),
        "event_id": [f"e{number}" for number in range(len(written))],
        **{name: [f"https://a.example/?m={one}&order=17" for one in written] for name in ("page_url", "referrer_url")},
        "agent": [f"bot/1.0 (bot; {one}) Gecko" for one in written],
        **dict.fromkeys(("order_id", "content_id", "ttclid", "ttp"), written),
    }
    web = Settings(started_at=NOW, event_source="web", event_source_id=PIXEL)
    outcome = transformed(pa.table(given), web, DataTemplate("tiktok_events"))
    for text, event, body in zip(written, outcome.events, outcome.texts, strict=True):
        assert set(event["page"].values()) == {"https://a.example/?m=[redacted]&order=17"}, ascii(text)
        assert event["user"]["user_agent"] == "bot/1.0 (bot; [redacted]) Gecko", ascii(text)
        assert set(event["user"]) == {"email", "user_agent"}, ascii(text)
        assert len(event["properties"]["order_id"]) == len(event["properties"]["contents"][0]["content_id"]) == 36
        assert breach_of_events(b'{"data":[%s]}' % body.encode()) is None


def test_names_that_are_alike_once_they_are_redacted_stay_apart() -> None:
    given = '{"a@example.com": 1, "b@example.com": {"a@example.com": "\\ud800"}, "c": 1.50}'
    changed = change_strings(given, lambda text: "[redacted]" if "@" in text else text)
    assert changed == '{"[redacted]": 1, "[redacted] 2": {"[redacted]": "\\ud800"}, "c": 1.50}'


def test_half_a_surrogate_beside_an_address_stays_an_escape() -> None:
    assert change_strings('["\\ud800 a@b.co"]', lambda text: text.replace("a@b.co", "x")) == '["\\ud800 x"]'
