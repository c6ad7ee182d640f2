"""Staging leaves out what was delivered before, or may have been, and nothing else."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.ledger.batch_records import SentKeys
from connector.ledger.excluded_rows import read_excluded_rows
from connector.staging.staged import Staged
from connector.staging.storage.reader import StageReader
from tests import reference
from tests.hypothesis_settings import scaled
from tests.reference import Event, Settings
from tests.staging.stages import (
    NOW,
    ROWS,
    UNHURRIED,
    Row,
    Sent,
    as_sent,
    events_by_batch,
    plain_row,
    staged_events,
    staged_in,
    table_of,
)

FATES = st.lists(st.sampled_from(["new", "delivered", "lost", "both"]), min_size=24, max_size=24)
"""What is known of each event, in the order of the result."""

SKIPS = {"delivered": "already_delivered", "both": "already_delivered", "lost": "answer_lost"}


def keys_of(directory: Path, staged: Staged) -> dict[Sent, bytes]:
    """The key of each event of a stage of which nothing is left out."""
    with StageReader(directory) as stage:
        keys = [stage.events(batch.file, batch.position)["key"].to_pylist() for batch in staged.batches]
    sent = events_by_batch(directory, staged)
    return {one: key for ones, of in zip(sent, keys, strict=True) for one, key in zip(ones, of, strict=True)}


def other_half(key: bytes) -> bytes:
    """Another key with the same lower half."""
    return key[:8] + bytes(255 - byte for byte in key[8:])


def said_of(fates: dict[bytes, str]) -> Callable[[], Iterable[SentKeys]]:
    """Knows the keys, in small portions, beside others much like those that are not known."""
    delivered = [key if fate in {"delivered", "both"} else other_half(key) for key, fate in fates.items()]
    lost = [key if fate in {"lost", "both"} else other_half(key) for key, fate in fates.items()]

    def known() -> Iterable[SentKeys]:
        for start in range(0, len(fates), 5):
            yield SentKeys(b"".join(delivered[start : start + 5]), answer_lost=False)
            yield SentKeys(b"", answer_lost=True)
            yield SentKeys(b"".join(lost[start : start + 5]), answer_lost=True)

    return known


TWO_ROWS_IN_TWO_SLICES = [plain_row("e1"), plain_row("e2"), plain_row("e1")]


@scaled(UNHURRIED, 30)
@example(TWO_ROWS_IN_TWO_SLICES, ["delivered", "new", *["new"] * 22], 1, True)
@example(TWO_ROWS_IN_TWO_SLICES, ["lost", "new", *["new"] * 22], 1, True)
@given(st.lists(ROWS, max_size=40), FATES, st.integers(1, 9), st.booleans())
def test_what_is_known_is_left_out_and_the_rest_is_as_the_reference_says(
    rows: list[Row], fates: list[str], slice_rows: int, line_items: bool
) -> None:
    how = Settings(started_at=NOW, line_items=line_items)
    table = table_of(rows)
    expected = reference.transform(table.to_pylist(), how)
    fate_of = dict(zip(map(as_sent, expected.events), fates, strict=False))
    with tempfile.TemporaryDirectory() as folder:
        nothing_left_out, directory = Path(folder) / "before", Path(folder) / "run"
        keys = keys_of(nothing_left_out, staged_in(nothing_left_out, table, how, 40))
        known = said_of({keys[sent]: fate for sent, fate in fate_of.items()})
        staged = staged_in(directory, table, how, slice_rows, known)
        sent = staged_events(directory, staged)
        kept = [row for batch in read_excluded_rows(directory) for row in batch.to_pylist()]
        is_dense(directory, staged)
        is_in_order(directory, staged)
    new = [event for event in expected.events if fate_of[as_sent(event)] == "new"]
    assert sent == Counter(map(as_sent, new))
    skipped = expected.skipped | known_rows(expected.events, fate_of)
    assert {row["row"]: row["reason"] for row in kept} == {**expected.rejected, **skipped}
    assert len(kept) == len(expected.rejected) + len(skipped)
    assert staged.rejects == Counter(expected.rejected.values())
    assert staged.skips == Counter(skipped.values())
    assert staged.warnings["conflicting_rows"] == conflicting(table, new, how)
    assert sum(batch.rows for batch in staged.batches) == sum(len(event.rows) for event in new)


def known_rows(events: list[Event], fate_of: dict[Sent, str]) -> dict[int, str]:
    fates = {row: fate_of[as_sent(event)] for event in events for row in event.rows}
    return {row: SKIPS[fate] for row, fate in fates.items() if fate != "new"}


def conflicting(table: pa.Table, events: list[Event], how: Settings) -> int:
    """How many rows of the events that are left disagree with their event's first, by the reference alone."""
    rows = table.to_pylist()
    alone = [reference.transform([rows[number - 1] for number in event.rows], how) for event in events]
    return sum(result.warnings["conflicting_rows"] for result in alone)


def is_dense(directory: Path, staged: Staged) -> None:
    """No batch costs a request for less than half of what it was."""
    with StageReader(directory) as stage:
        for batch in staged.batches:
            assert batch.events == stage.events(batch.file, batch.position).num_rows > 0
            assert 2 * batch.events >= stage.whole(batch.file, batch.position).num_rows


def is_in_order(directory: Path, staged: Staged) -> None:
    """Events come in the order of their first rows; in `rest.arrow` those of each file before it do."""
    places: dict[tuple[str, str], list[int]] = {}
    with StageReader(directory) as stage:
        for batch in staged.batches:
            rows = stage.events(batch.file, batch.position)["rows"].to_pylist()
            places.setdefault((batch.file, batch.route.resource_id), []).extend(own[0] for own in rows)
    for (file, _), first_rows in places.items():
        backwards = sum(second < first for first, second in pairwise(first_rows))
        assert backwards <= (1 if file == "rest.arrow" else 0)


def staged_knowing(folder: Path, rows: list[Row], is_known: Callable[[int], bool]) -> Staged:
    """Stages rows, each an event, of which those at some places were delivered before."""
    how, table = Settings(started_at=NOW), table_of(rows)
    keys = keys_of(folder / "before", staged_in(folder / "before", table, how, 999))
    ids = {sent[1].split('"event_id":"')[1].split('"')[0]: key for sent, key in keys.items()}
    of_place = [ids[str(row["event_id"])] for row in rows]
    delivered = b"".join(key for place, key in enumerate(of_place) if is_known(place))
    return staged_in(folder / "run", table, how, 999, lambda: [SentKeys(delivered, answer_lost=False)])


def where(staged: Staged) -> list[tuple[str, int, int]]:
    return [(batch.file, batch.position, batch.events) for batch in staged.batches]


def test_what_is_left_of_batches_goes_together_where_it_is_less_than_half(tmp_path: Path) -> None:
    rows = [plain_row(f"x{number}") for number in range(3_500)]
    left = {*range(499), *range(1_000, 1_500), *range(2_100, 3_000), 3_499}
    staged = staged_knowing(tmp_path, rows, lambda place: place not in left)
    assert where(staged) == [("events.arrow", 1, 500), ("events.arrow", 2, 900), ("rest.arrow", 0, 500)]
    assert staged.skips == {"already_delivered": 3_500 - len(left)}
    sent = staged_events(tmp_path / "run", staged)
    assert {text.split('"event_id":"x')[1].split('"')[0] for _, text in sent} == set(map(str, left))


@pytest.mark.thorough
def test_the_new_day_of_a_week_costs_its_own_requests_alone(tmp_path: Path) -> None:
    rows = [plain_row(f"x{number}") for number in range(7_000)]
    staged = staged_knowing(tmp_path, rows, lambda place: place % 7 != 0)
    assert where(staged) == [("rest.arrow", 0, 1_000)]


def test_nothing_is_left_where_everything_is_known(tmp_path: Path) -> None:
    staged = staged_knowing(tmp_path, [plain_row(f"x{number}") for number in range(50)], lambda place: True)
    assert (staged.batches, staged.skips) == ([], {"already_delivered": 50})


def test_more_batches_than_are_looked_at_together(tmp_path: Path) -> None:
    """Each event set has a batch of its own."""
    rows = [plain_row(f"x{number}", str(1 + number // 4)) for number in range(480)]
    staged = staged_knowing(tmp_path, rows, lambda place: place % 4 == 0)
    assert where(staged) == [("events.arrow", number, 3) for number in range(120)]
    staged = staged_knowing(tmp_path / "again", rows, lambda place: place % 4 != 0)
    assert where(staged) == [("rest.arrow", number, 1) for number in range(120)]
