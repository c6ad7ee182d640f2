"""Staging a result slice by slice comes to the same as seeing it whole."""

import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.ledger.excluded_rows import read_excluded_rows
from connector.staging.deduplicate import EVENTS_AT_ONCE
from connector.staging.storage.reader import StageReader
from connector.transform.grouping import payloads
from tests import reference
from tests.hypothesis_settings import scaled
from tests.reference import Settings
from tests.staging.stages import NOW, ROWS, UNHURRIED, Row, as_sent, plain_row, staged_events, staged_in, table_of

HOW = st.builds(
    Settings,
    started_at=st.just(NOW),
    line_items=st.sampled_from((True, True, True, False)),
    identical_rows=st.sampled_from(("keep", "drop", "reject")),
    negative_lines=st.sampled_from(("subtract", "subtract", "reject")),
)


@scaled(UNHURRIED, 100, share=10)
@given(st.lists(ROWS, max_size=40), st.integers(1, 9), HOW)
def test_slices_come_to_the_same_as_the_whole(rows: list[Row], slice_rows: int, how: Settings) -> None:
    table = table_of(rows)
    expected = reference.transform(table.to_pylist(), how)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "run"
        staged = staged_in(directory, table, how, slice_rows, threads=2)
        assert staged_events(directory, staged) == Counter(map(as_sent, expected.events))
        kept = [row for batch in read_excluded_rows(directory) for row in batch.to_pylist()]
    assert {row["row"]: row["reason"] for row in kept} == {**expected.rejected, **expected.skipped}
    assert staged.rejects == Counter(expected.rejected.values())
    assert staged.skips == Counter(expected.skipped.values())
    assert staged.warnings == expected.warnings
    assert staged.identical_value == expected.identical_value
    sent = sum(batch.rows for batch in staged.batches)
    assert staged.read == len(rows) == sent + staged.rejects.total() + staged.skips.total()


@pytest.mark.thorough
@pytest.mark.parametrize("line_items", [True, False])
def test_more_events_in_several_slices_than_are_looked_at_together(tmp_path: Path, line_items: bool) -> None:
    """Every event is in two slices; some have two event sources, and one in a hundred has a row that is rejected."""
    orders = EVENTS_AT_ONCE * 2 // 3
    rows: list[Row] = [
        {**plain_row(f"e{number % orders}", str(number % 3)), "value": "bad" if number % 100 == 7 else "1.10"}
        for number in range(2 * orders)
    ]
    how, table = Settings(started_at=NOW, line_items=line_items), table_of(rows)
    expected = reference.transform(table.to_pylist(), how)
    directory = tmp_path / "run"
    staged = staged_in(directory, table, how, 5_000, threads=2)
    assert staged.rejects == Counter(expected.rejected.values())
    assert staged.skips == Counter(expected.skipped.values())
    assert (
        staged.read
        == len(rows)
        == sum(batch.rows for batch in staged.batches) + len(expected.rejected) + len(expected.skipped)
    )
    with StageReader(directory) as stage:
        sent = Counter(
            (batch.route.resource_id, text)
            for batch in staged.batches
            for text in payloads(stage.events(batch.file, batch.position)).to_pylist()
        )
    assert sent == Counter(map(as_sent, expected.events))


def test_batches_hold_a_thousand_events_at_the_most(tmp_path: Path) -> None:
    rows = [plain_row(f"x{number}") for number in range(2_500)]
    staged = staged_in(tmp_path / "run", table_of(rows), Settings(started_at=NOW), 999)
    assert [batch.events for batch in staged.batches] == [1_000, 1_000, 500]
    assert sum(staged_events(tmp_path / "run", staged).values()) == 2_500


def test_a_result_without_rows_has_no_batches(tmp_path: Path) -> None:
    staged = staged_in(tmp_path / "run", table_of([]), Settings(started_at=NOW), 9)
    assert (staged.read, staged.batches) == (0, [])


@pytest.mark.parametrize("slice_rows", [1, 2, 3])
@pytest.mark.parametrize("alone", ["price", "quantity"])
def test_a_duplicate_in_another_slice_has_no_warning(tmp_path: Path, alone: str, slice_rows: int) -> None:
    """The row that is sent has a value; its duplicate has a price or a quantity alone."""
    rows = [{**plain_row("e"), "value": "1.10", "currency": "USD"}, plain_row("other"), {**plain_row("e"), alone: "1"}]
    how = Settings(started_at=NOW, line_items=False)
    staged = staged_in(tmp_path / "run", table_of(rows), how, slice_rows)
    assert (staged.skips, +staged.warnings) == (Counter({"duplicate": 1}), Counter())
