"""Batches are as large as a request may be, and not larger."""

import itertools
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.hashed_rows import EVENTS, HashedEvents
from connector.core.route import Route
from connector.ledger.batch_records import BatchRecord
from connector.staging.stage import stage
from connector.staging.storage.batcher import BATCH_BYTES, Batcher, BatchLimits
from connector.staging.storage.reader import StageReader
from connector.staging.streaming import StreamingStage
from connector.transform.grouping import payload, payloads
from connector.transform.stream import hash_rows
from connector.transform.template import DataTemplate
from tests.reference import Settings
from tests.staging.stages import NOW, UNHURRIED, Row, plain_row, table_of
from tests.transform.harness import compiled

ROUTE = Route("offline", "7654321098765432109")
Lines = list[int | None]
"""The bytes of each element of `contents`; None for a row that has none."""


def events_of(contents: list[Lines], head: int = 300) -> HashedEvents:
    """An event for each of these."""
    count = len(contents)
    columns = {
        "key": [bytes(16)] * count,
        "rows": [[0] * len(lines) for lines in contents],
        "head": ["{" * head] * count,
        "lines": [[{"item": None if length is None else "x" * length} for length in lines] for lines in contents],
        "amount": [Decimal("1.5")] * count,
        "persons": [""] * count,
    }
    arrays = [pa.array(columns.get(field.name, [None] * count), field.type) for field in EVENTS]
    return HashedEvents(ROUTE, pa.table(arrays, schema=EVENTS))


def cut(cutter: Batcher, *parts: HashedEvents) -> list[tuple[int, int]]:
    """Of each batch, its events and the bytes of its payload."""
    full = [batch for part in parts for batch in cutter.add(part)]
    return [(batch.num_rows, len(payload(batch))) for _, batch in itertools.chain(full, cutter.drain())]


CONTENTS = st.lists(st.none() | st.integers(3, 300), min_size=1, max_size=12)


@settings(UNHURRIED, max_examples=50)
@given(st.lists(st.lists(CONTENTS, min_size=1, max_size=9), max_size=5), st.integers(500, 5_000))
def test_no_request_is_larger_than_its_bound_unless_one_event_is(parts: list[list[Lines]], bound: int) -> None:
    batches = cut(Batcher(batch_bytes=bound), *map(events_of, parts))
    assert sum(count for count, _ in batches) == sum(map(len, parts))
    assert all(size <= bound or count == 1 for count, size in batches)


@pytest.mark.parametrize("contents", [[None], [1_000], [1_000, 2_000, 3_000], [99] * 100], ids=len)
@pytest.mark.parametrize("head", [4_000, 40_000])
def test_a_request_is_nearly_four_mebibytes_whether_of_contents_or_of_the_rest(contents: Lines, head: int) -> None:
    """The events are alike, so that one more would not have fitted."""
    *full, _ = cut(Batcher(), *[events_of([contents] * 100, head)] * 11)
    assert full
    for count, size in full:
        assert size <= BATCH_BYTES == 4 << 20
        assert count == 1_000 or size * (count + 1) / count + 100 * (count + 1) > BATCH_BYTES


@pytest.mark.parametrize("streaming", [False, True])
def test_no_batch_of_a_stage_exceeds_the_limits_of_its_destination(tmp_path: Path, streaming: bool) -> None:
    rows: list[Row] = [{**plain_row(f"x{number}", "1"), "description": "d" * (number % 50)} for number in range(500)]
    table, how = table_of(rows), Settings(started_at=NOW, line_items=False)
    transform, limits = compiled(table, how, DataTemplate("tiktok_events")), BatchLimits(events=7, size=4_000)
    published: list[BatchRecord] = []
    early = StreamingStage(tmp_path / "run", published.extend, limits=limits) if streaming else None
    if early:
        (tmp_path / "run").mkdir()
    parts = hash_rows(table.to_batches(max_chunksize=90), transform, threads=1, slice_rows=100)
    staged = stage(parts, tmp_path / "run", transform.rules, streaming=early, limits=limits)
    batches = [*published, *staged.batches]
    assert sum(batch.events for batch in batches) == 500
    assert bool(published) == streaming
    assert {batch.events for batch in batches if batch.events == 7}
    with StageReader(tmp_path / "run") as reader:
        for batch in batches:
            events = reader.events(batch.file, batch.position)
            assert len(events) <= 7
            assert sum(len(text) for text in payloads(events).to_pylist()) <= 4_000
