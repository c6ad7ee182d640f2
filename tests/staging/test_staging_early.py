"""What is handed on before the end of a result, and what waits: together what the reference says, each event once."""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from connector.core.hashed_rows import HashedRows
from connector.ledger.batch_records import BatchRecord
from connector.ledger.excluded_rows import read_excluded_rows
from connector.staging.skip_delivered import DeliveredKeys, no_delivered_keys
from connector.staging.stage import stage
from connector.staging.staged import Staged
from connector.staging.storage.bloom_filter import BloomFilter
from connector.staging.streaming import StreamingStage
from connector.transform.stream import hash_rows
from connector.transform.suppression_filter import SuppressionFilter
from connector.transform.template import DataTemplate
from tests import reference
from tests.hypothesis_settings import scaled
from tests.reference import Settings
from tests.staging.stages import NOW, ROWS, UNHURRIED, Row, as_sent, plain_row, staged_events, staged_in, table_of
from tests.staging.test_staging_known import FATES, SKIPS, keys_of, said_of
from tests.transform.harness import compiled

HOW = Settings(started_at=NOW, line_items=False)


class Reading:
    """One reading of a result, in slices of so many rows; batches are cut as they fill, or after every slice."""

    def __init__(self, directory: Path, earlier: Sequence[BatchRecord] = ()) -> None:
        self.directory, self.told = directory, list(earlier)
        self.early = StreamingStage(directory, self.told.extend, earlier)

    def of(
        self,
        rows: list[Row],
        slice_rows: int,
        known: DeliveredKeys = no_delivered_keys,
        *,
        forgotten: SuppressionFilter | None = None,
        until: int | None = None,
    ) -> Staged:
        """Stages the rows; with `until` it is cut off after so many slices."""
        table = table_of(rows)
        transform = compiled(table, HOW, DataTemplate("tiktok_events"))
        parts = hash_rows(table.to_batches(max_chunksize=7), transform, threads=1, slice_rows=slice_rows)
        return stage(
            _cut_off(list(parts), until),
            self.directory,
            transform.rules,
            delivered_keys=known,
            suppressed=forgotten or SuppressionFilter(),
            streaming=self.early,
        )


class CutOffError(Exception):
    """As a process that dies while it reads."""


def _cut_off(parts: list[HashedRows], until: int | None):  # type: ignore[no-untyped-def]
    for number, part in enumerate(parts):
        if number == until:
            raise CutOffError
        yield part


def all_staged(told: Sequence[BatchRecord], staged: Staged) -> Staged:
    """With the batches that were handed on before."""
    numbers = [batch.number for batch in (*told, *staged.batches)]
    assert numbers == list(range(len(numbers)))
    return Staged(staged.read, batches=[*told, *staged.batches])


@scaled(UNHURRIED, 30)
@example([plain_row("e1"), plain_row("e2"), plain_row("e1"), plain_row("e1")], ["new"] * 24, 1)
@given(st.lists(ROWS, max_size=40), FATES, st.integers(1, 9))
def test_what_is_handed_on_and_what_waits_are_together_what_the_reference_says(
    rows: list[Row], fates: list[str], slice_rows: int
) -> None:
    table = table_of(rows)
    expected = reference.transform(table.to_pylist(), HOW)
    fate_of = dict(zip(map(as_sent, expected.events), fates, strict=False))
    with tempfile.TemporaryDirectory() as folder:
        nothing_left_out, directory = Path(folder) / "before", Path(folder) / "run"
        keys = keys_of(nothing_left_out, staged_in(nothing_left_out, table, HOW, 40))
        directory.mkdir()
        reading = Reading(directory)
        staged = reading.of(rows, slice_rows, said_of({keys[sent]: fate for sent, fate in fate_of.items()}))
        sent = staged_events(directory, all_staged(reading.told, staged))
        kept = [row for batch in read_excluded_rows(directory) for row in batch.to_pylist()]
    assert sent == Counter(as_sent(event) for event in expected.events if fate_of[as_sent(event)] == "new")
    known = {
        row: SKIPS[fate_of[as_sent(event)]]
        for event in expected.events
        for row in event.rows
        if fate_of[as_sent(event)] != "new"
    }
    skipped = expected.skipped | known
    assert {row["row"]: row["reason"] for row in kept} == {**expected.rejected, **skipped}
    assert (staged.rejects, staged.skips) == (Counter(expected.rejected.values()), Counter(skipped.values()))
    assert staged.read == len(rows)


@scaled(UNHURRIED, 30)
@given(st.lists(ROWS, min_size=1, max_size=40), st.integers(1, 9), st.integers(0, 40))
def test_what_is_read_again_after_a_death_is_neither_sent_nor_counted_twice(
    rows: list[Row], slice_rows: int, until: int
) -> None:
    expected = reference.transform(table_of(rows).to_pylist(), HOW)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        first = Reading(directory)
        first.early._segments._batcher._batch_events = 2
        try:
            first.of(rows, slice_rows, until=until)
        except CutOffError:
            # What the ledger was not told of is gone with the process.
            (directory / "events.arrow").unlink()
            (directory / "event-keys").unlink(missing_ok=True)
            again = Reading(directory, first.told)
            staged = again.of(rows, slice_rows)
            sent = staged_events(directory, all_staged(again.told, staged))
            assert sent == Counter(map(as_sent, expected.events))
            assert staged.read == len(rows)
            assert staged.skips == Counter(expected.skipped.values())
            assert staged.rejects == Counter(expected.rejected.values())


def test_rows_of_an_earlier_reading_that_are_not_found_again_stay_counted(tmp_path: Path) -> None:
    first = Reading(tmp_path)
    first.early._segments._batcher._batch_events = 2
    rows = [plain_row(f"e{number}") for number in range(5)]
    first.of(rows, 1)
    assert [batch.events for batch in first.told] == [2, 2, 1]
    for path in tmp_path.glob("*"):
        if path.name.startswith(("events", "event-keys")):
            path.unlink()
    again = Reading(tmp_path, first.told[:2])
    staged = again.of([plain_row("e1"), plain_row("e1"), plain_row("e9")], 1)
    assert (staged.read, staged.skips) == (6, {"duplicate": 1})
    assert sum(batch.rows for batch in [*again.told, *staged.batches]) == 5


def test_what_is_left_of_a_result_that_is_read_again_costs_no_request_of_its_own(tmp_path: Path) -> None:
    rows = [plain_row(f"e{number}") for number in range(4_000)]
    first = Reading(tmp_path)
    first.of([row for number, row in enumerate(rows) if number % 4], 500)
    again = Reading(tmp_path, first.told)
    # Every event may have been seen before, and waits.
    again.early._seen = BloomFilter(8)
    staged = again.of(rows, 500)
    assert [batch.events for batch in staged.batches] == [1_000]
    sent = staged_events(tmp_path, all_staged(again.told, staged))
    assert len(sent) == sent.total() == 4_000


def test_nobody_who_is_to_be_forgotten_is_handed_on(tmp_path: Path) -> None:
    rows = [plain_row("e1"), {**plain_row("e2"), "email": "john@example.com"}, plain_row("e3")]
    reading = Reading(tmp_path)
    staged = reading.of(rows, 1, forgotten=SuppressionFilter([hashlib.sha256(b"john@example.com").hexdigest()]))
    assert sum(batch.events for batch in reading.told) == 2
    assert (staged.skips, staged.batches) == ({"suppressed": 1}, [])


@given(st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=60), st.integers(3, 12))
def test_what_was_seen_is_never_new(numbers: list[int], power: int) -> None:
    keys = np.array(numbers, np.uint64)
    seen = BloomFilter(1 << power)
    half = len(keys) // 2
    seen.add(keys[:half])
    assert seen.may_contain(keys[:half]).all()
    maybe = seen.may_contain(keys)
    new = seen.add_new(keys)
    assert (new == ~maybe).all()
    assert not seen.add_new(keys).any()
    places = {int(number) & ((1 << power) - 1) for number in keys[:half]}
    assert [bool(one) for one in new] == [int(number) & ((1 << power) - 1) not in places for number in keys]


def test_different_keys_are_nearly_all_new(tmp_path: Path) -> None:
    keys = np.random.default_rng(7).integers(0, 2**64, 200_000, np.uint64)
    seen = BloomFilter()
    new = np.concatenate([seen.add_new(keys[start : start + 1_000]) for start in range(0, len(keys), 1_000)])
    assert np.count_nonzero(new) > 199_900
