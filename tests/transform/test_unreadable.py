"""A row that the engine cannot read is rejected, and the others are sent."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from connector.errors import SourceError
from connector.transform import stream
from connector.transform.template import Column, DataTemplate
from tests.reference import Settings
from tests.transform.harness import Outcome, transformed

NOW = 1_700_000_000
TEMPLATE = DataTemplate("own", sources={"properties.x": (Column("x"),)})
TWICE = pa.array([[("a", "1")], [("b", "2"), ("b", "3")], None, [("c", "4")]], pa.map_(pa.string(), pa.string()))
TIMES = pa.array([0, 2**62, None, 60_000_000], pa.time64("us"))


def bytes_of(*texts: bytes) -> pa.StringArray:
    """A column of texts with these bytes, be they UTF-8 or not."""
    ends = np.cumsum([0, *map(len, texts)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(ends.tobytes()), pa.py_buffer(b"".join(texts)))


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
    assert (outcome.read, outcome.rejected, outcome.kept) == (4, {2: "invalid_identity"}, {2: "{}"})


def test_many_such_rows_are_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_RESTARTS", 3)
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
