"""A row that the engine cannot read is rejected, and the others are sent."""

import json
from collections import Counter
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from connector.catalogue import AUDIENCES
from connector.errors import SourceError
from connector.transform import slice_engine
from connector.transform.binding import bind
from connector.transform.compiler import CompiledTransform
from connector.transform.limit import first_events
from connector.transform.member_compiler import compile_members, hash_members
from connector.transform.row_selection import RowSelection
from connector.transform.rules import MemberRules
from connector.transform.stream import hash_rows
from connector.transform.template import Column, DataTemplate
from tests.reference import Settings
from tests.transform.harness import Outcome, compiled, transformed

NOW = 1_700_000_000
TEMPLATE = DataTemplate("own", sources={"properties.x": (Column("x"),)})
TWICE = pa.array([[("a", "1")], [("b", "2"), ("b", "3")], None, [("c", "4")]], pa.map_(pa.string(), pa.string()))
TIMES = pa.array([0, 2**62, None, 60_000_000], pa.time64("us"))


def bytes_of(*texts: bytes) -> pa.StringArray:
    """A column of texts with these bytes, be they UTF-8 or not."""
    ends = np.cumsum([0, *map(len, texts)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends.tobytes()), pa.py_buffer(b"".join(texts)))


def decimals(*numbers: int) -> pa.Array:
    """A column of DECIMAL(38) with these numbers, be they too large for it or not: the engine fails on the least."""
    data = b"".join(number.to_bytes(16, "little", signed=True) for number in numbers)
    return pa.Array.from_buffers(pa.decimal128(38, 0), len(numbers), [None, pa.py_buffer(data)])


def sent(column: pa.Array, name: str = "x") -> Outcome:
    count = len(column)
    given: dict[str, Any] = {
        "timestamp": [NOW] * count,
        "event": ["Purchase"] * count,
        "email": [f"jo{number}@example.org" for number in range(count)],
        "x": pa.nulls(count, pa.string()),
        name: column,
    }
    return transformed(pa.table(given), Settings(started_at=NOW), TEMPLATE)


@pytest.mark.parametrize(
    ("column", "good"), [(TWICE, [{"a": "1"}, None, {"c": "4"}]), (TIMES, ["00:00:00", None, "00:01:00"])]
)
def test_a_row_that_cannot_be_read_is_rejected_alone(column: pa.Array, good: list[object]) -> None:
    outcome = sent(column)
    assert [event["properties"].get("x") for event in outcome.events] == good
    assert (outcome.read, outcome.rejected) == (4, {2: "invalid_identity"})
    assert json.loads(outcome.kept[2]).keys() == {"email", "event", "timestamp"}


def test_many_such_rows_are_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slice_engine, "MOST_RESTARTS", 3)
    with pytest.raises(SourceError, match="Many rows hold values that cannot be read"):
        sent(pa.concat_arrays([TWICE] * 3))


@pytest.mark.parametrize("name", ["x", "description", "order_id", "email", "event_id"])
def test_bytes_that_are_no_text_are_replaced(name: str) -> None:
    outcome = sent(bytes_of(b"a\xff\xfeb@c.example", b"fine@c.example", "gr\u00fc\u00df@c.example".encode()), name)
    assert outcome.read == len(outcome.events) + len(outcome.rejected) == 3
    assert len(outcome.events) >= 2


def test_bytes_that_are_no_text_are_replaced_in_lists_and_structures() -> None:
    texts = bytes_of(b"a\xffb", b"z", b"\xc3")
    structs = pa.StructArray.from_arrays([texts, texts], ["v", "w"])
    outcome = sent(pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), structs))
    found = [event["properties"]["x"][0]["v"] for event in outcome.events]
    assert found == ["a\ufffdb", "z", "\ufffd"]


LINES: dict[str, list[Any]] = {
    "timestamp": [NOW] * 4,
    "event": ["Purchase"] * 4,
    "order_id": ["A-1", "A-1", "B-2", "A-1"],
    "phone": ["+12015550123"] * 4,
    "content_id": ["shoe", "sock", "hat", "belt"],
}


def lines(**more: Any) -> tuple[pa.Table, CompiledTransform]:
    table = pa.table({**LINES, "x": TWICE, **more})
    return table, compiled(table, Settings(started_at=NOW), TEMPLATE)


def barred_events(table: pa.Table, transform: CompiledTransform) -> tuple[list[bytes], list[bytes], list[str]]:
    """The keys of the events that are not sent and of all events, and what is kept of rejected rows."""
    parts = list(hash_rows(table.to_batches(), transform, threads=1))
    assert sum(part.read for part in parts) == table.num_rows
    barred = [key for part in parts for key in part.blocked_keys.to_pylist()]
    events = [key for part in parts for one in part.events for key in one.table["key"].to_pylist()]
    return barred, events, [text for part in parts for text in part.excluded["columns"].to_pylist()]


@pytest.mark.parametrize("named", [True, False])
def test_the_event_of_a_line_that_cannot_be_read_is_not_sent_without_it(named: bool) -> None:
    more = {"event_id": LINES["order_id"]} if named else {}
    barred, events, (kept,) = barred_events(*lines(**more))
    assert len(barred) == 1
    assert (events.count(barred[0]), len(set(events))) == (2, 2)
    assert json.loads(kept)["order_id"] == "A-1"
    assert "2015550123" not in kept


def test_an_id_that_is_the_phone_number_of_a_row_that_cannot_be_read_is_not_kept() -> None:
    _, _, (kept,) = barred_events(*lines(order_id=["1", "2015550123", "2", "3"]))
    assert json.loads(kept)["order_id"] == sha256(b"2015550123").hexdigest()[:36]


@pytest.mark.parametrize("name", ["shop_id", "email"])
def test_the_key_is_read_without_a_column_that_cannot_be_read(name: str) -> None:
    numbers = decimals(2**126, -(2**127), 2**126, 1)
    barred, events, kept = barred_events(*lines(event_id=LINES["order_id"], x=["a"] * 4, **{name: numbers}))
    assert len(barred) == 1
    assert events.count(barred[0]) == 2
    assert kept == ["{}"]


def test_the_limit_and_a_retry_find_rows_whatever_else_they_hold() -> None:
    table, transform = lines()
    (first,) = table.slice(0, 1).to_batches()
    batches = [first, *table.slice(1).to_batches()]
    found = [row for batch in first_events(batches, 1, transform) for row in batch["content_id"].to_pylist()]
    assert found == ["shoe", "sock", "belt"]
    (left_out,) = [part.excluded for part in hash_rows(batches, transform, threads=1) if part.excluded.num_rows]
    chosen = RowSelection.from_excluded(left_out.to_batches()).filter(table.to_batches(), transform)
    assert [row for batch in chosen for row in batch["content_id"].to_pylist()] == ["shoe", "sock", "belt"]


def test_the_limit_and_a_retry_pass_over_ids_that_cannot_be_read() -> None:
    ids = decimals(7, -(2**127), 8, 7)
    table, transform = lines(order_id=ids, x=["a"] * 4)
    found = [row for batch in first_events(table.to_batches(), 1, transform) for row in batch["content_id"].to_pylist()]
    assert found == ["shoe", "belt"]
    parts = list(hash_rows(table.to_batches(), transform, threads=1))
    assert sum(part.rejects.total() for part in parts) == 1
    left_out = [batch for part in parts for batch in part.excluded.to_batches()]
    chosen = RowSelection.from_excluded(left_out).filter(table.to_batches(), transform)
    assert [row for batch in chosen for row in batch["content_id"].to_pylist()] == ["sock"]


def test_a_person_who_cannot_be_read_is_rejected_alone() -> None:
    table = pa.table({"phone": decimals(12015550123, -(2**127), 12015550124), "email": ["a@b.example"] * 3})
    rules = MemberRules("US", "lower", ("plain",))
    parts = list(
        hash_members(
            table.to_batches(),
            compile_members(bind(DataTemplate("tiktok_audience"), table.schema, AUDIENCES), rules),
            threads=1,
        )
    )
    assert sum(part.read for part in parts) == 3
    assert [row for part in parts for row in part.members["row"].to_pylist()] == [1, 3]
    assert [row for part in parts for row in part.excluded["row"].to_pylist()] == [2]
    assert sum((part.rejects for part in parts), Counter()) == {"invalid_identity": 1}
