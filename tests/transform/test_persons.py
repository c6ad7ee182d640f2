"""What is kept of whom an event is about is the beginning of each digest that TikTok is given.

`test_against_reference` holds it for any table.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests import reference
from tests.reference import Settings
from tests.transform.harness import persons_in, template_of, transformed

NOW = 1_700_000_000
OFFLINE = Settings(started_at=NOW)
WEB = Settings(started_at=NOW, event_source="web", event_source_id="C4A1B2C3D4E5F6G7H8I9")
TEXTS = pa.list_(pa.string())


def row_with(**columns: tuple[pa.DataType, list[Any]]) -> pa.Table:
    count = len(next(iter(columns.values()))[1])
    always = {
        "event": (pa.string(), ["Purchase"] * count),
        "timestamp": (pa.int64(), [NOW] * count),
        "page_url": (pa.string(), ["https://shop.example/"] * count),
    }
    every = {**always, **columns}
    return pa.table([pa.array(values, kind) for kind, values in every.values()], names=list(every))


EMAILS = ["a@example.com", "b@example.com", "c@example.com"]
PHONES = ["+12025550101", "+12025550102"]
CASES: dict[str, tuple[pa.Table, dict[str, object] | None, int, int]] = {
    "a text": (row_with(email=(pa.string(), EMAILS[:1])), None, 1, 1),
    "several columns": (
        row_with(one=(pa.string(), EMAILS[:1]), two=(pa.string(), EMAILS[1:2])),
        {"email": ["one", "two"]},
        2,
        2,
    ),
    "the same in several columns": (
        row_with(one=(pa.string(), EMAILS[:1]), two=(pa.string(), ["A@example.com "])),
        {"email": ["one", "two"]},
        1,
        1,
    ),
    "lists": (row_with(email=(TEXTS, [EMAILS]), phone=(TEXTS, [PHONES])), None, 5, 5),
    "a constant": (
        row_with(phone=(pa.string(), PHONES[:1])),
        {"email": {"value": EMAILS[0]}, "external_id": {"value": "x"}},
        2,
        3,
    ),
    "some that are invalid": (row_with(email=(TEXTS, [[EMAILS[0], "nobody", None]])), None, 1, 1),
    "an external id": (
        row_with(email=(pa.string(), EMAILS[:1]), external_id=(pa.string(), ["customer 7"])),
        None,
        1,
        2,
    ),
}
"""A table, a template's parameters over the identity template, and how many persons an offline and a web event name."""


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("how", [OFFLINE, WEB], ids=["offline", "web"])
def test_in_each_form(name: str, how: Settings, tmp_path: Path) -> None:
    table, mapping, offline, web = CASES[name]
    template = template_of(mapping, tmp_path, extends=True)
    outcome = transformed(table, how, template)
    assert outcome.persons == [persons_in(outcome.events[0])]
    assert len(outcome.persons[0]) == 16 * (web if how is WEB else offline)


def test_line_items_that_disagree_are_about_whom_the_first_one_names(tmp_path: Path) -> None:
    """As TikTok is told."""
    table = row_with(event_id=(pa.string(), ["e"] * 3), email=(pa.string(), EMAILS))
    outcome = transformed(table, OFFLINE, template_of(None, tmp_path))
    (event,) = outcome.events
    first = reference.transform(table.slice(0, 1).to_pylist(), OFFLINE).events[0]
    assert event["user"] == first.data["user"]
    assert outcome.persons == [event["user"]["email"][:16]]
