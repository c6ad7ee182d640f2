"""Staging leaves out whoever is to be forgotten, whole events, and keeps no digest of theirs."""

import json
import tempfile
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from connector.core.hashed_rows import EXCLUDED_ROW
from connector.ledger.excluded_rows import read_excluded_rows
from connector.staging.stage import stage
from connector.transform.stream import hash_rows
from connector.transform.suppression_filter import SuppressionFilter
from connector.transform.template import DataTemplate
from tests import reference
from tests.hypothesis_settings import scaled
from tests.reference import Event, Settings
from tests.staging.stages import NOW, ROWS, UNHURRIED, Row, as_sent, plain_row, staged_events, table_of
from tests.transform.harness import compiled

JANE = sha256(b"jane@example.com").hexdigest()
OTHERS = [sha256(str(number).encode()).hexdigest() for number in range(50)]
NEARLY = JANE[:15] + ("0" if JANE[15] != "0" else "1") + JANE[16:]
"""The digest of somebody else, much like it."""


def is_about_jane(event: Event) -> bool:
    return JANE in json.dumps(json.loads(reference.event_json(event))["user"])


@scaled(UNHURRIED, 20)
@example([plain_row("e1"), {**plain_row("e2"), "email": "john@example.com"}, plain_row("e1")], 1, True)
@example([plain_row("e1"), {**plain_row("e1"), "value": "bad"}, {**plain_row("e3"), "value": "bad"}], 2, True)
@given(st.lists(ROWS, max_size=40), st.integers(3, 15), st.booleans())
def test_events_about_a_forgotten_person_are_skipped_whole(rows: list[Row], slice_rows: int, line_items: bool) -> None:
    how, table = Settings(started_at=NOW, line_items=line_items), table_of(rows)
    whole = reference.transform(table.to_pylist(), how)
    gone = [event for event in whole.events if is_about_jane(event)]
    transform = compiled(table, how, DataTemplate("tiktok_events"))
    hashed = hash_rows(table.to_batches(max_chunksize=7), transform, threads=1, slice_rows=slice_rows)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "run"
        staged = stage(hashed, directory, transform.rules, suppressed=SuppressionFilter([*OTHERS, JANE]))
        assert staged_events(directory, staged) == Counter(map(as_sent, whole.events)) - Counter(map(as_sent, gone))
        kept = [row for batch in read_excluded_rows(directory) for row in batch.to_pylist()]
    suppressed = {row: "suppressed" for event in gone for row in event.rows}
    assert {row["row"]: row["reason"] for row in kept} == {**whole.rejected, **whole.skipped, **suppressed}
    assert staged.skips == Counter([*suppressed.values(), *whole.skipped.values()])
    assert staged.read == sum(batch.rows for batch in staged.batches) + staged.rejects.total() + staged.skips.total()
    assert JANE not in str(kept)


def test_what_is_kept_of_the_rows_of_others_is_not_touched() -> None:
    kept = [
        f'{{"email":"{NEARLY}","event_id":"1"}}',
        f'{{"email":["{NEARLY}","{JANE}"],"phone":"{NEARLY}","event_id":"2"}}',
        None,
    ]
    rows = [
        {"row": n, "outcome": "rejected", "reason": "invalid_amount", "columns": text} for n, text in enumerate(kept)
    ]
    changed = SuppressionFilter([JANE]).redact(pa.Table.from_pylist(rows, schema=EXCLUDED_ROW))
    assert changed.schema == EXCLUDED_ROW
    assert changed["columns"].to_pylist() == [kept[0], '{"event_id":"2"}', None]


def test_digests_that_only_begin_alike_are_told_apart_from_the_first_16_digits_on() -> None:
    assert SuppressionFilter([JANE]).match_persons(
        bytes.fromhex(NEARLY[:16] + JANE[:16]), np.array([1, 0, 1])
    ).tolist() == [
        False,
        False,
        True,
    ]
    assert not SuppressionFilter()
    assert SuppressionFilter().match_persons(bytes.fromhex(JANE[:16]), np.array([1])).tolist() == [False]
