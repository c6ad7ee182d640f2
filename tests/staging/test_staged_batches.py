"""What is read of a stage by several threads at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from connector.ledger.batch_records import OpenBatch
from connector.staging.sending import EventCodec, StagedBatches
from connector.staging.storage.reader import StageReader
from tests.reference import Settings
from tests.staging.stages import NOW, plain_row, staged_in, table_of

BATCHES = 12


def test_the_events_of_different_batches_are_read_by_one_thread_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage's reader is not for several threads at once; here it is so slow that all would be in it."""
    rows = [plain_row(f"x{number}", str(number % BATCHES + 1)) for number in range(BATCHES * 20)]
    staged = staged_in(tmp_path / "run", table_of(rows), Settings(started_at=NOW), 1000)
    batches = StagedBatches(tmp_path / "run", [OpenBatch(batch) for batch in staged.batches], EventCodec())
    expected = {batch.number: batches.events(batch.number) for batch in batches}
    read, inside, most = StageReader.events, 0, 0

    def slow(reader: StageReader, file: str, index: int, count: int | None = None) -> pa.RecordBatch:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.01)
        events = read(reader, file, index, count)
        inside -= 1
        return events

    monkeypatch.setattr(StageReader, "events", slow)
    with ThreadPoolExecutor(BATCHES) as threads:
        found = dict(zip(expected, threads.map(batches.events, expected), strict=True))
    batches.close()
    assert most == 1
    assert len(found) == BATCHES
    assert all(events.equals(expected[number]) for number, events in found.items())
