"""An event leaves whole or not at all, even where a row does not say which event it is a line of."""

import tempfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.ledger.excluded_rows import read_excluded_rows
from connector.staging.stage import stage
from connector.transform.limit import first_events
from connector.transform.stream import hash_rows
from connector.transform.template import DataTemplate
from tests import reference
from tests.hypothesis_settings import scaled
from tests.reference import Settings
from tests.staging.stages import NOW, UNHURRIED, as_sent, staged_events, staged_in
from tests.transform.harness import compiled, transformed

TODAY, YESTERDAY = "2023-11-14T20:00:00Z", "2023-11-13T23:30:00Z"
"""The later one is of the next day in Berlin."""

Row = dict[str, str | None]
LINE: Row = {
    "event_id": None, "order_id": "A-1", "shop_id": None, "event": "Purchase", "timestamp": TODAY, "value": "5",
    "email": "jane@example.com", "event_set_id": None, "content_id": "a",
}  # fmt: skip
ROWS = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from([None, None, None, None, "e1", "A-1"]),
        "order_id": st.sampled_from(["A-1", "A-1", "A-2", 'B "3"', None]),
        "shop_id": st.sampled_from([None, None, None, "S"]),
        "event": st.sampled_from([*["Purchase"] * 6, "AddToCart", None, "purchase"]),
        "timestamp": st.sampled_from([*[TODAY] * 4, YESTERDAY, YESTERDAY, None, "soon", "2023-01-01"]),
        "value": st.sampled_from(["5", "5", "7.5", "bad"]),
        "email": st.sampled_from(["jane@example.com", "jane@example.com", "john@example.com", None]),
        "event_set_id": st.sampled_from([None, None, None, "111", "no-set"]),
        "content_id": st.sampled_from(["a", "b"]),
    }
)
HOW = st.builds(
    Settings,
    started_at=st.just(NOW),
    timezone=st.sampled_from(("UTC", "UTC", "Europe/Berlin")),
    line_items=st.sampled_from((True, True, True, False)),
    identical_rows=st.sampled_from(("keep", "keep", "drop", "reject")),
)


def table_of(rows: list[Row]) -> pa.Table:
    return pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in LINE})


@scaled(UNHURRIED, 60, share=10)
@example([LINE, {**LINE, "timestamp": None}], 1, Settings(started_at=NOW))
@example([{**LINE, "timestamp": "soon"}, LINE], 2, Settings(started_at=NOW))
@example([{**LINE, "event": None}, {**LINE, "timestamp": YESTERDAY}, LINE], 1, Settings(started_at=NOW))
@given(st.lists(ROWS, min_size=1, max_size=12), st.integers(1, 5), HOW)
def test_no_event_leaves_to_which_a_rejected_row_may_belong(rows: list[Row], slice_rows: int, how: Settings) -> None:
    table = table_of(rows)
    expected = reference.transform(table.to_pylist(), how)
    left = {**expected.rejected, **expected.skipped}
    whole = transformed(table, how, DataTemplate("tiktok_events"))
    assert {**whole.rejected, **whole.skipped} == left
    assert whole.rows == [event.rows for event in expected.events]
    assert whole.warnings == expected.warnings
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "run"
        staged = staged_in(directory, table, how, slice_rows, threads=2)
        assert staged_events(directory, staged) == Counter(map(as_sent, expected.events))
        assert {
            row["row"]: row["reason"] for batch in read_excluded_rows(directory) for row in batch.to_pylist()
        } == left
    assert staged.rejects == Counter(expected.rejected.values())
    assert staged.warnings == expected.warnings


@scaled(UNHURRIED, 20)
@example([LINE, {**LINE, "order_id": "A-2"}, {**LINE, "timestamp": None}], 1)
@given(st.lists(ROWS, max_size=12), st.integers(1, 8))
def test_a_limit_takes_rows_that_may_belong_to_an_event_that_has_begun(rows: list[Row], limit: int) -> None:
    how, table = Settings(started_at=NOW), table_of(rows)
    begun = [one for one in reference.transform(table.to_pylist(), how).events if min(one.rows) <= limit]
    transform = compiled(table, how, DataTemplate("tiktok_events"))
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "run"
        batches = first_events(table.to_batches(max_chunksize=2), limit, transform)
        staged = stage(hash_rows(batches, transform, threads=1, slice_rows=3), directory, transform.rules)
        assert staged_events(directory, staged) == Counter(map(as_sent, begun))


@pytest.mark.parametrize("rows", [3, 400])
def test_other_orders_and_other_days_of_rows_whose_day_is_known_are_sent(tmp_path: Path, rows: int) -> None:
    """Receipt numbers may start again every day: a line that is too old says nothing of today's receipt."""
    some = [{**LINE, "order_id": f"A-{number}"} for number in range(rows)]
    bad = [{**LINE, "order_id": "A-1", "timestamp": "2023-01-01"}, {**LINE, "order_id": "A-2", "timestamp": None}]
    staged = staged_in(tmp_path / "run", table_of([*some, *bad]), Settings(started_at=NOW), 50)
    assert staged.rejects == {"event_too_old": 1, "missing_timestamp": 1, "incomplete_event": 1}
    assert sum(batch.events for batch in staged.batches) == rows - 1
