"""What is kept of a batch is what the table `batch_keys` says."""

import hashlib
import struct
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from connector.core.hashed_rows import EVENTS
from connector.ledger.batch_records import OpenBatch
from connector.staging.sending import EventCodec, StagedBatches, batch_keys
from tests.reference import Settings
from tests.staging.stages import NOW, plain_row, staged_in, table_of

UNTIL = datetime(2026, 5, 1, tzinfo=UTC)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def events(keys: list[bytes], persons: list[list[str]]) -> pa.RecordBatch:
    """Events about people with these digests."""
    count = len(keys)
    nothing = {"rows": [[]] * count, "head": ["{"] * count, "lines": [[]] * count, "amount": None}
    columns = {"key": keys, "persons": ["".join(one[:16] for one in of) for of in persons], **nothing}
    arrays = [pa.array(columns.get(field.name) or [None] * count, field.type) for field in EVENTS]
    return pa.record_batch(arrays, schema=EVENTS)


@pytest.mark.parametrize(
    "people",
    [
        [["a"]],
        [["a", "b"], ["c"], ["a", "d", "e"]],
        [["a"], [], ["b"]],
        [[], []],
        [[f"p{number}" for number in range(300)], ["a"]],
    ],
)
@pytest.mark.parametrize("start", [0, 1], ids=["whole", "a slice"])
def test_keys_and_then_a_number_for_each_event_and_then_the_beginnings_of_digests(
    people: list[list[str]], start: int
) -> None:
    keys = [hashlib.md5(bytes([number])).digest() for number in range(len(people))]
    digests = [[digest(one) for one in of] for of in people]
    found = batch_keys(events(keys, digests).slice(start), UNTIL)
    assert found.keys == b"".join(keys[start:])
    numbers = struct.pack(f"<{len(people[start:])}H", *map(len, people[start:]))
    assert found.persons == numbers + b"".join(bytes.fromhex(one)[:8] for of in digests[start:] for one in of)
    assert found.keep_until == UNTIL


def test_a_stage_hands_the_keys_of_a_batch_out_once(tmp_path: Path) -> None:
    rows = [plain_row(f"x{number}") for number in range(3)]
    staged = staged_in(tmp_path / "run", table_of(rows), Settings(started_at=NOW), 9)
    batches = StagedBatches(tmp_path / "run", map(OpenBatch, staged.batches), EventCodec(UNTIL))
    assert len(list(batches)) == 1
    kept = batches.receipt(0).keys
    assert kept is not None
    assert kept.persons == struct.pack("<3H", 1, 1, 1) + 3 * bytes.fromhex(digest("jane@example.com"))[:8]
    assert batches.receipt(0).keys is None
    batches.close()


def test_a_stage_of_test_events_has_no_keys(tmp_path: Path) -> None:
    staged = staged_in(tmp_path / "run", table_of([plain_row("x")]), Settings(started_at=NOW), 9)
    batches = StagedBatches(tmp_path / "run", map(OpenBatch, staged.batches), EventCodec())
    assert len(list(batches)) == 1
    assert batches.receipt(0).keys is None
    batches.close()
