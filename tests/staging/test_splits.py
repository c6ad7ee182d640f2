"""Staging a result in splits comes to the same as seeing it whole, however it is divided."""

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.core.disk import make_private_folder
from connector.errors import CorruptStage
from connector.ledger.excluded_rows import read_excluded_rows
from connector.staging.merge import MERGE, SCATTER, merge, scatter
from connector.staging.skip_delivered import DeliveredKeys, no_delivered_keys
from connector.staging.splits import StagedSplit, StagedSplits, stage_split
from connector.staging.stage import stage
from connector.staging.staged import Staged
from connector.staging.storage.batcher import BatchLimits
from connector.staging.storage.shared_folder import SharedFolder, link
from connector.transform.stream import hash_rows
from connector.transform.suppression_filter import SuppressionFilter, digests_of_email
from connector.transform.template import DataTemplate
from tests import reference
from tests.hypothesis_settings import scaled
from tests.reference import Settings
from tests.staging.stages import NOW, ROWS, UNHURRIED, Row, as_sent, plain_row, staged_events, table_of
from tests.staging.test_staging import HOW
from tests.transform.harness import compiled

PRICED: Row = {**plain_row("e0", "111"), "value": "1.10", "currency": "USD", "content_id": "a"}
BOUNDS = st.lists(st.integers(0, 40), max_size=5).map(sorted)


def staged_in_splits(
    shared: Path,
    table: pa.Table,
    how: Settings,
    bounds: list[int],
    known: DeliveredKeys = no_delivered_keys,
    suppressed: SuppressionFilter | None = None,
) -> tuple[Path, Staged]:
    """Stages a result that is cut at these rows: each part as a task does, then all of them."""
    parts = parts_of(shared, table, how, bounds, suppressed)
    return adopted(parts, table, how, known, suppressed)


def parts_of(
    shared: Path, table: pa.Table, how: Settings, bounds: list[int], suppressed: SuppressionFilter | None = None
) -> StagedSplits:
    """Stages each part of a result that is cut at these rows as a task does."""
    transform = compiled(table, how, DataTemplate("tiktok_events"))
    folder, splits = SharedFolder.at(str(shared)), []
    for number, (start, end) in enumerate(zip([0, *bounds], [*bounds, table.num_rows], strict=True)):
        with folder.attempt(f"split-{number:05}-ab") as attempt:
            batches = table.slice(start, end - start).to_batches(max_chunksize=7)
            rows = hash_rows(batches, transform, threads=1)
            summary = stage_split(rows, attempt, suppressed=suppressed or SuppressionFilter())
        splits.append(StagedSplit(f"split-{number:05}-ab", json.loads(json.dumps(summary))))
    directory = shared.with_name("run")
    make_private_folder(directory)
    link(directory, folder)
    return StagedSplits(directory, folder, splits)


def adopted(
    parts: StagedSplits,
    table: pa.Table,
    how: Settings,
    known: DeliveredKeys = no_delivered_keys,
    suppressed: SuppressionFilter | None = None,
) -> tuple[Path, Staged]:
    """Stages the whole of what tasks have staged."""
    rules = compiled(table, how, DataTemplate("tiktok_events")).rules
    directory, filter_ = parts.directory, suppressed or SuppressionFilter()
    return directory, stage((), directory, rules, delivered_keys=known, suppressed=filter_, splits=parts)


@scaled(UNHURRIED, 30, share=10)
@given(st.lists(ROWS, max_size=40), BOUNDS, HOW)
def test_who_is_suppressed_after_a_split_was_staged_is_skipped(
    rows: list[Row], bounds: list[int], how: Settings
) -> None:
    table, jane = table_of(rows), SuppressionFilter(one.digest for one in digests_of_email("jane@example.com"))
    bounds = [min(bound, len(rows)) for bound in bounds]
    with tempfile.TemporaryDirectory() as folder:
        here, whole = staged_in_splits(Path(folder) / "one" / "shared", table, how, bounds, suppressed=jane)
        parts = parts_of(Path(folder) / "many" / "shared", table, how, bounds)
        there, later = adopted(replace(parts, are_current=False), table, how, suppressed=jane)
        assert staged_events(here, whole) == staged_events(there, later)
        assert excluded(here) == excluded(there)
    assert (whole.rejects, whole.skips, whole.warnings) == (later.rejects, later.skips, later.warnings)


class HereAndNow:
    """Runs the tasks that merge events in this process, one after the other."""

    def __init__(self, parts: StagedSplits, table: pa.Table, how: Settings, suppressed: SuppressionFilter) -> None:
        self.parts, self.suppressed = parts, suppressed
        self.rules = compiled(table, how, DataTemplate("tiktok_events")).rules
        self.kinds: list[str] = []

    def __call__(self, kind: str, places: Sequence[Mapping[str, Any]]) -> list[StagedSplit]:
        """See `RunTasks`."""
        self.kinds.append(kind)
        done = [self.task(kind, number, json.loads(json.dumps(place))) for number, place in enumerate(places)]
        if kind == SCATTER:
            self.parts = replace(self.parts, splits=done)
        return done

    def task(self, kind: str, number: int, place: Mapping[str, Any]) -> StagedSplit:
        """One task."""
        folder = f"{kind}-{number:05}-ab"
        with self.parts.shared.attempt(folder) as attempt:
            if kind == SCATTER:
                summary = scatter(attempt, self.parts, place)
            else:
                limits = BatchLimits(events=3)
                summary = merge(attempt, self.parts, place, rules=self.rules, suppressed=self.suppressed, limits=limits)
        return StagedSplit(folder, json.loads(json.dumps(summary)))


@scaled(UNHURRIED, 100, share=10)
@given(st.lists(ROWS, max_size=40), BOUNDS, HOW)
def test_splits_come_to_the_same_as_the_whole(rows: list[Row], bounds: list[int], how: Settings) -> None:
    table = table_of(rows)
    expected = reference.transform(table.to_pylist(), how)
    bounds = [min(bound, len(rows)) for bound in bounds]
    with tempfile.TemporaryDirectory() as folder:
        directory, staged = staged_in_splits(Path(folder) / "shared", table, how, bounds)
        assert staged_events(directory, staged) == Counter(map(as_sent, expected.events))
        kept = [row for batch in read_excluded_rows(directory) for row in batch.to_pylist()]
    assert {row["row"]: row["reason"] for row in kept} == {**expected.rejected, **expected.skipped}
    assert staged.rejects == Counter(expected.rejected.values())
    assert staged.skips == Counter(expected.skipped.values())
    assert staged.warnings == expected.warnings
    assert staged.identical_value == expected.identical_value
    sent = sum(batch.rows for batch in staged.batches)
    assert staged.read == len(rows) == sent + staged.rejects.total() + staged.skips.total()


@scaled(UNHURRIED, 60, share=10)
@given(st.lists(ROWS, max_size=40), BOUNDS, HOW)
@example([PRICED, {**PRICED, "email": "nobody"}], [1], Settings(started_at=NOW, line_items=True))
def test_suppressed_people_are_skipped_as_in_the_whole(rows: list[Row], bounds: list[int], how: Settings) -> None:
    table, jane = table_of(rows), SuppressionFilter(one.digest for one in digests_of_email("jane@example.com"))
    bounds = [min(bound, len(rows)) for bound in bounds]
    with tempfile.TemporaryDirectory() as folder:
        here, whole = staged_in_splits(Path(folder) / "one" / "shared", table, how, [], suppressed=jane)
        there, parts = staged_in_splits(Path(folder) / "many" / "shared", table, how, bounds, suppressed=jane)
        assert staged_events(here, whole) == staged_events(there, parts)
        assert with_ids_alone(excluded(here)) == with_ids_alone(excluded(there))
    assert (whole.rejects, whole.skips, whole.warnings) == (parts.rejects, parts.skips, parts.warnings)


@scaled(UNHURRIED, 60, share=10)
@given(st.lists(ROWS, max_size=40), BOUNDS, HOW, st.integers(1, 9), st.booleans())
def test_events_that_are_merged_in_tasks_are_those_that_are_merged_at_once(
    rows: list[Row], bounds: list[int], how: Settings, at_once: int, jane_is_suppressed: bool
) -> None:
    table, people = table_of(rows), digests_of_email("jane@example.com") if jane_is_suppressed else []
    suppressed = SuppressionFilter(one.digest for one in people)
    bounds = [min(bound, len(rows)) for bound in bounds]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        here, whole = staged_in_splits(Path(folder) / "one" / "shared", table, how, bounds, suppressed=suppressed)
        patch.setattr("connector.staging.stage.EVENTS_HERE", 0)
        patch.setattr("connector.staging.merge.EVENTS_AT_ONCE", at_once)
        parts = parts_of(Path(folder) / "many" / "shared", table, how, bounds, suppressed)
        tasks = HereAndNow(parts, table, how, suppressed)
        there, merged = adopted(replace(parts, run_tasks=tasks), table, how, suppressed=suppressed)
        assert staged_events(here, whole) == staged_events(there, merged)
        assert excluded(here) == excluded(there)
    assert (whole.rejects, whole.skips, whole.warnings) == (merged.rejects, merged.skips, merged.warnings)
    assert (whole.read, whole.identical_value) == (merged.read, merged.identical_value)
    assert tasks.kinds in ([], [SCATTER, MERGE])


def test_an_event_whose_rows_lie_in_two_splits_is_merged_by_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, how, nobody = (
        table_of([plain_row("a"), plain_row("b"), plain_row("a")]),
        Settings(started_at=NOW),
        SuppressionFilter(),
    )
    monkeypatch.setattr("connector.staging.stage.EVENTS_HERE", 0)
    parts = parts_of(tmp_path / "shared", table, how, [2])
    tasks = HereAndNow(parts, table, how, nobody)
    directory, staged = adopted(replace(parts, run_tasks=tasks), table, how)
    assert tasks.kinds == [SCATTER, MERGE]
    assert sorted(batch.file.partition("-")[0] for batch in staged.batches) == ["merge", "split"]
    assert sum(staged_events(directory, staged).values()) == 2


def test_a_batch_most_of_whose_events_are_repeated_is_replaced_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, how = table_of([plain_row(name) for name in ("a", "b", "c", "a", "b")]), Settings(started_at=NOW)
    monkeypatch.setattr("connector.staging.stage.EVENTS_HERE", 0)
    parts = parts_of(tmp_path / "shared", table, how, [3])
    tasks = HereAndNow(parts, table, how, SuppressionFilter())
    directory, staged = adopted(replace(parts, run_tasks=tasks), table, how)
    assert {batch.file.partition("-")[0] for batch in staged.batches} == {"merge"}
    assert sum(staged_events(directory, staged).values()) == 3


def excluded(directory: Path) -> list[dict[str, object]]:
    """The excluded rows, by row number."""
    return [row for batch in read_excluded_rows(directory) for row in batch.to_pylist()]


def with_ids_alone(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Excluded rows with the event's id for their columns.

    A row of an event that another batch completes has the values of the event, which has forgotten how the row wrote
    them, and what other rows have.
    """
    return [{**row, "columns": json.loads(str(row["columns"])).get("event_id")} for row in rows]


@pytest.mark.parametrize("name", ["event-keys", "batches", "left-out/staging.parquet"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "missing"])
def test_a_damaged_file_of_a_split_is_noticed(tmp_path: Path, name: str, damage: str) -> None:
    rows: list[Row] = [
        {**plain_row(f"e{number}"), "email": "nobody" if number % 5 else "jane@example.com"} for number in range(30)
    ]
    table, how = table_of(rows), Settings(started_at=NOW)
    parts = parts_of(tmp_path / "shared", table, how, [10])
    damaged = tmp_path / "shared" / "split-00001-ab" / name
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "missing":
        damaged.unlink()
    else:
        damaged.write_bytes(content if damage == "flipped" else content[: len(content) // 2])
    with pytest.raises(CorruptStage):
        adopted(parts, table, how)


def test_batches_of_a_stage_whose_row_numbers_are_lost_are_not_sent(tmp_path: Path) -> None:
    table, how = table_of([plain_row(f"e{number}") for number in range(30)]), Settings(started_at=NOW)
    directory, staged = staged_in_splits(tmp_path / "shared", table, how, [10])
    (directory / "first-rows.json").unlink()
    with pytest.raises(CorruptStage):
        staged_events(directory, staged)
