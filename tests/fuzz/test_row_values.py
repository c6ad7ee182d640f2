"""Values of rows, of every type and in every column.

Whatever a table holds, each row is in an event, rejected with a reason, or skipped; there is no exception but the one
that says the table's columns cannot be read. Payloads are JSON, hold no address and no phone number, and pass the last
look at what is sent; what is kept of rows that are not sent is JSON too, and holds neither.
"""

import json
import re
from contextlib import suppress
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import strategies as st

from connector.catalogue import AUDIENCES
from connector.destinations.guard import breach_of_events
from connector.errors import ConnectorError, SourceError
from connector.transform.binding import bind
from connector.transform.member_compiler import compile_members, hash_members
from connector.transform.rules import MemberRules
from connector.transform.template import Column, DataTemplate
from tests.fuzz.conftest import Record
from tests.fuzz.fuzzing import Input, for_each, fuzz, within
from tests.fuzz.sqlite import through_sqlite
from tests.fuzz.tables import table_of, tables
from tests.reference import Settings
from tests.transform.harness import Outcome, transformed

BORDER = "row_values"
NOW = 1_700_000_000
SETTINGS = {
    "offline": Settings(started_at=NOW, fixed_event_name="Purchase"),
    "web": Settings(started_at=NOW, event_source="web", event_source_id="C4A1B2C3D4E5F6G7H8I9"),
    "lines": Settings(started_at=NOW, line_items=False, identical_rows="drop", default_region="DE", timezone="Europe/Berlin"),
}  # fmt: skip
"""By how an input's name begins."""
PLAIN = re.compile(r"[a-z0-9]@example\.(?:com|org)|\+1[ .-]?\(?2125550\d{3}|212[ )-]{1,2}555-01\d\d", re.IGNORECASE)
TEMPLATE = DataTemplate("own", sources={"properties.note": (Column("note"),), "properties.tags": (Column("tags"),)})
PLAIN_TEMPLATE, PEOPLE = DataTemplate("tiktok_events"), DataTemplate("tiktok_audience")
AUDIENCE, SQLITE = "audience", "sqlite"


def check(folder: Path, case: Input) -> None:
    """Transform a table, or what SQLite makes of it."""
    table = table_of(case.content)
    if table is None:
        return
    if name_of(case) == AUDIENCE:
        check_members(table)
    elif name_of(case) == SQLITE:
        with suppress(SourceError):
            check_events(through_sqlite(table, folder), SETTINGS["web"])
    else:
        check_events(table, SETTINGS[name_of(case)])


def check_events(table: pa.Table, settings: Settings) -> None:
    """Make events of a table."""
    template = TEMPLATE if {"note", "tags"} <= set(table.column_names) else PLAIN_TEMPLATE
    try:
        with within(60):
            outcome = transformed(table, settings, template)
    except ConnectorError as error:
        assert len(error.message) < 5_000 and not PLAIN.search(error.message), error.message
        return
    assert_accounted(outcome, table.num_rows)
    for text in outcome.texts:
        json.loads(text, parse_constant=refuse)
        assert breach_of_events(b'{"data":[%s]}' % text.encode()) is None, text
    for text in (*outcome.texts, *outcome.kept.values()):
        assert isinstance(json.loads(text), dict)
        assert not PLAIN.search(text), text


def check_members(table: pa.Table) -> None:
    """Make members of an audience of a table: each row is one, or rejected."""
    try:
        compiled = compile_members(bind(PEOPLE, table.schema, AUDIENCES), MemberRules("US", "lower", ("plain",)))
        with within(60):
            parts = list(hash_members(table.to_batches(), compiled, threads=1))
    except ConnectorError as error:
        assert len(error.message) < 5_000 and not PLAIN.search(error.message), error.message
        return
    rows = [row["row"] for part in parts for row in (*part.members.to_pylist(), *part.excluded.to_pylist())]
    assert sorted(rows) == list(range(1, table.num_rows + 1))
    assert sum(part.read for part in parts) == table.num_rows
    assert not any(PLAIN.search(str(part.excluded.to_pylist())) for part in parts)


def name_of(case: Input) -> str:
    """How an input's name begins."""
    return re.split(r"[_.]", case.name)[0]


def assert_accounted(outcome: Outcome, rows: int) -> None:
    """Each row is in one event or left out, and none is in two places."""
    assert outcome.read == rows
    places = [*(row for own in outcome.rows for row in own), *outcome.rejected, *outcome.skipped]
    assert sorted(places) == list(range(1, rows + 1)), (places, outcome.rejected, outcome.skipped)


def refuse(constant: str) -> None:
    """NaN and Infinity are no JSON."""
    raise ValueError(constant)


def inputs() -> st.SearchStrategy[Input]:
    """Draw tables."""
    return st.builds(Input, st.sampled_from([f"{name}.json" for name in (*SETTINGS, AUDIENCE, SQLITE)]), tables())


@pytest.mark.parametrize("name", SETTINGS)
def test_a_usual_row_is_sent(name: str) -> None:
    usual = {"timestamp": ["int64", [NOW]], "event": ["string", ["Purchase"]], "email": ["string", ["jo@example.org"]], "page_url": ["string", ["https://a.example/"]]}  # fmt: skip
    table = table_of(json.dumps(usual).encode())
    assert table is not None
    assert len(transformed(table, SETTINGS[name], PLAIN_TEMPLATE).texts) == 1


@for_each(BORDER)
def test_rows_of_the_corpus_are_sent_or_rejected(case: Input, tmp_path: Path) -> None:
    assert table_of(case.content) is not None
    check(tmp_path, case)


def test_any_row_is_sent_or_rejected(record: Record, tmp_path: Path) -> None:
    record(fuzz(BORDER, inputs(), partial(check, tmp_path)))
