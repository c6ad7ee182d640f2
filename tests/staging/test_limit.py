"""A run over the first rows of a result sends whole events, as a run over all of it would."""

import tempfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from connector.staging.stage import stage
from connector.staging.staged import Staged
from connector.transform.limit import first_events, first_rows
from connector.transform.stream import hash_rows
from connector.transform.template import DataTemplate
from tests import reference
from tests.hypothesis_settings import scaled
from tests.reference import Settings
from tests.staging.stages import NAMES, NOW, ROWS, UNHURRIED, Row, as_sent, plain_row, staged_events, table_of
from tests.transform.harness import compiled

HOW = Settings(started_at=NOW)
NAMELESS = st.fixed_dictionaries(
    {**{name: st.none() for name in NAMES}, "email": st.sampled_from(["a@b.co", "c@d.co", None])}
)
"""Rows that name no event: the same people at the same time are the same event nevertheless."""


def staged_of(table: pa.Table, directory: Path, limit: int, batch_rows: int) -> Staged:
    transform = compiled(table, HOW, DataTemplate("tiktok_events"))
    batches = first_events(table.to_batches(max_chunksize=batch_rows), limit, transform)
    return stage(hash_rows(batches, transform, threads=1, slice_rows=5), directory, transform.rules)


@scaled(UNHURRIED, 30)
@example([plain_row("e1"), plain_row("e2"), plain_row("e1"), plain_row("e2"), plain_row("e3")], 1, 2)
@example([plain_row("e1"), {**plain_row("e1"), "value": "bad"}, plain_row("e2")], 1, 1)
@given(st.lists(st.one_of(ROWS, ROWS, NAMELESS), max_size=40), st.integers(1, 30), st.integers(1, 9))
def test_whole_events_of_the_first_rows_are_sent_and_no_others(rows: list[Row], limit: int, batch_rows: int) -> None:
    table = table_of(rows)
    whole = reference.transform(table.to_pylist(), HOW)
    begun = [event for event in whole.events if min(event.rows) <= limit]
    with tempfile.TemporaryDirectory() as folder:
        staged = staged_of(table, Path(folder) / "run", limit, batch_rows)
        assert staged_events(Path(folder) / "run", staged) == Counter(map(as_sent, begun))
    sent = sum(batch.rows for batch in staged.batches)
    assert staged.read == sent + staged.rejects.total()
    assert min(limit, len(rows)) <= staged.read <= len(rows)
    beyond = {row for event in begun for row in event.rows if row > limit}
    assert staged.read >= min(limit, len(rows)) + len(beyond)


def test_of_the_rest_only_rows_of_events_that_have_begun_are_read(tmp_path: Path) -> None:
    rows = [plain_row(f"e{number % 10}") for number in range(95)]
    assert staged_of(table_of(rows), tmp_path / "run", 3, 7).read == 30


def test_a_cut_result_is_read_no_further(tmp_path: Path) -> None:
    def batches() -> object:
        yield from table_of([plain_row(f"e{number}") for number in range(20)]).to_batches(max_chunksize=10)
        raise AssertionError("read on")

    assert [batch.num_rows for batch in first_rows(batches(), 14)] == [10, 4]  # type: ignore[arg-type]
