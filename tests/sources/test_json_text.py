"""Columns of JSON values as columns of text, against Python's own reading."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.sources.json_text import json_texts

TEXTS = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from('"\\/\n\t\x00\x7fé😀')), max_size=8)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=4,
)
BLANKS = st.text(" \t\r\n", max_size=2)


def expected(written: str | None) -> str | None:
    if written is None:
        return None
    value: Any = json.loads(written)
    return value if isinstance(value, str | None) else written.strip(" \t\r\n")


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.tuples(VALUES, BLANKS, BLANKS, st.booleans(), st.booleans()), max_size=12), st.integers(0, 3))
def test_a_string_is_its_text_and_null_is_none(rows: list[tuple[Any, str, str, bool, bool]], start: int) -> None:
    column = [
        None if missing else before + json.dumps(value, ensure_ascii=escaped) + after
        for value, before, after, escaped, missing in rows
    ]
    array = pa.array(column, pa.string()).slice(start)
    assert json_texts(array).to_pylist() == [expected(written) for written in column[start:]]


@pytest.mark.parametrize("written", [r'"\ud800"', '"\\q"', '"a\\"'])
def test_what_is_no_text_stays_as_it_is_written(written: str) -> None:
    assert json_texts(pa.array([written])).to_pylist() == [written.strip('"')]
