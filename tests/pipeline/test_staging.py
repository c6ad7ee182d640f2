"""Staging a result slice by slice comes to the same as seeing it whole."""

import tempfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.ledger.left_out import left_out
from connector.ledger.records import OpenBatch
from connector.pipeline.sending import StagedBatches
from connector.pipeline.staging import Staged, stage
from connector.transform.stream import hash_rows
from connector.transform.template import DataTemplate
from tests import reference
from tests.reference import Event, Settings, event_json
from tests.transform.harness import compiled

NOW = 1_700_000_000
UNHURRIED = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

ROWS = st.fixed_dictionaries(
    {
        "event_id": st.sampled_from([f"e{number}" for number in range(12)]),
        "email": st.sampled_from(["jane@example.com", "john@example.com", "nobody", None]),
        "value": st.sampled_from(["1.10", "2.25", "bad", None]),
        "content_id": st.sampled_from(["a", "b", None]),
        "event_set_id": st.sampled_from(["111", "222", None]),
    }
)


def table_of(rows: list[dict[str, str | None]]) -> pa.Table:
    names = ("event_id", "email", "value", "content_id", "event_set_id")
    columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in names}
    count = len(rows)
    return pa.table({**columns, "event": pa.array(["Purchase"] * count), "timestamp": pa.array([NOW] * count)})


def staged_in(directory: Path, table: pa.Table, how: Settings, slice_rows: int) -> Staged:
    transform = compiled(table, how, DataTemplate("tiktok_events"))
    rows = hash_rows(table.to_batches(max_chunksize=7), transform, threads=2, slice_rows=slice_rows)
    return stage(rows, directory, line_items=how.line_items)


def staged_events(directory: Path, staged: Staged) -> Counter[tuple[str, str]]:
    """What would be sent: the event source id and the JSON of each event."""
    batches = StagedBatches(directory, [OpenBatch(batch) for batch in staged.batches])
    found: Counter[tuple[str, str]] = Counter()
    for batch in batches:
        one = batch
        while one.events > 1:
            head, one = batches.split(one, 1)
            found[batch.route.event_source_id, bytes(head.payload).decode()] += 1
        found[batch.route.event_source_id, bytes(one.payload).decode()] += 1
    batches.close()
    return found


def key(event: Event) -> tuple[str, str]:
    return event.event_source_id, event_json(event)


@UNHURRIED
@given(st.lists(ROWS, max_size=40), st.integers(1, 9), st.booleans())
def test_slices_come_to_the_same_as_the_whole(
    rows: list[dict[str, str | None]], slice_rows: int, line_items: bool
) -> None:
    how = Settings(started_at=NOW, line_items=line_items)
    table = table_of(rows)
    expected = reference.transform(table.to_pylist(), how)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "run"
        staged = staged_in(directory, table, how, slice_rows)
        assert staged_events(directory, staged) == Counter(map(key, expected.events))
        kept = [row for batch in left_out(directory) for row in batch.to_pylist()]
    assert {row["row"]: row["reason"] for row in kept} == {**expected.rejected, **expected.skipped}
    assert staged.rejects == Counter(expected.rejected.values())
    assert staged.skips == Counter(expected.skipped.values())
    assert staged.warnings["invalid_email"] == expected.warnings["invalid_email"]
    sent = sum(batch.rows for batch in staged.batches)
    assert staged.read == len(rows) == sent + staged.rejects.total() + staged.skips.total()


def test_batches_hold_a_thousand_events_at_the_most(tmp_path: Path) -> None:
    rows = [{"event_id": f"x{n}", "email": "jane@example.com", "value": None, "content_id": None, "event_set_id": None}
            for n in range(2_500)]  # fmt: skip
    staged = staged_in(tmp_path / "run", table_of(rows), Settings(started_at=NOW), 999)
    assert [batch.events for batch in staged.batches] == [1_000, 1_000, 500]
    assert sum(staged_events(tmp_path / "run", staged).values()) == 2_500


def test_a_result_without_rows_has_no_batches(tmp_path: Path) -> None:
    staged = staged_in(tmp_path / "run", table_of([]), Settings(started_at=NOW), 9)
    assert (staged.read, staged.batches) == (0, [])
