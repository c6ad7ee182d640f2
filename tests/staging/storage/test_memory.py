"""Of a stage larger than its neighbours' memory, the system holds the beginning only."""

import sys
from pathlib import Path

import pyarrow as pa
import pytest

from connector.core.disk import CACHED_BYTES, FSYNC_BYTES
from connector.core.hashed_rows import EVENTS
from connector.core.route import Route
from connector.staging.storage.key_file import KeyFile
from connector.staging.storage.reader import StageReader
from connector.staging.storage.writer import EventsFile
from tests.resident import resident

BATCH = FSYNC_BYTES // 2


def large(number: int) -> pa.RecordBatch:
    """An event of BATCH bytes."""
    event = {field.name: None for field in EVENTS} | {
        "key": bytes(16),
        "others": [],
        "persons": "",
        "head": f"{number:0{BATCH}}",
        "rows": [number],
    }
    return pa.RecordBatch.from_pylist([event], EVENTS)


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot be told what they need not hold")
def test_a_large_stage_is_written_and_read_without_staying_in_memory(disk_path: Path) -> None:
    count = (CACHED_BYTES + 4 * FSYNC_BYTES) // BATCH
    keys = KeyFile(disk_path)
    with EventsFile(disk_path, "events.arrow", keys) as file:
        for number in range(count):
            file.write(Route("offline", "1"), large(number))
        staged = file.finish()
    keys.remove()
    path = disk_path / "events.arrow"
    assert resident(path) <= CACHED_BYTES + 2 * FSYNC_BYTES < path.stat().st_size
    with StageReader(disk_path) as reader:
        for number, batch in enumerate(staged):
            assert reader.events(batch.file, batch.index)["rows"].to_pylist() == [[number]]
            assert resident(path) <= CACHED_BYTES + 2 * FSYNC_BYTES
