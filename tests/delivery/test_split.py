import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.delivery.bisect import split_by_event, split_payload
from tests.delivery.world import batch, names

OBJECTS = st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.dictionaries(st.text(), st.text())))


@given(st.lists(OBJECTS, min_size=2, max_size=8), st.data())
def test_both_parts_hold_what_the_whole_held(objects: list[dict[str, Any]], data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(objects) - 1))
    payload = ",".join(json.dumps(each, ensure_ascii=False) for each in objects).encode()
    head, tail = split_payload(memoryview(payload), at)
    assert json.loads(b"[" + head + b"]") == objects[:at]
    assert json.loads(b"[" + tail + b"]") == objects[at:]
    assert head + b"," + tail == payload


def test_a_part_says_where_in_its_batch_it_begins() -> None:
    whole = batch(7, "abcdef")
    head, tail = split_by_event(whole, 2)
    middle, end = split_by_event(tail, 3)
    assert [(part.number, part.offset, part.events, part.rows) for part in (head, middle, end)] == [
        (7, 0, 2, 2),
        (7, 2, 3, 3),
        (7, 5, 1, 1),
    ]
    assert names(middle) == ["c", "d", "e"]


def test_rows_behind_events_are_never_guessed() -> None:
    with pytest.raises(ValueError, match="only the stage"):
        split_by_event(replace(batch(0, "ab"), rows=5), 1)
