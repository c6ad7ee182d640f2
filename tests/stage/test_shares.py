"""What is put into shares by its keys comes back whole, and each share holds all of its keys."""

import tempfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.hashed import EVENTS, KEY
from connector.stage.event_shares import EventShares
from connector.stage.key_file import KeyFile
from tests.stage.test_known import QUICK

Key = tuple[int, int]
KEYS = st.tuples(st.integers(0, 12), st.integers(0, 2))
"""Few, so that many are alike, in full or in the lower half alone."""


def as_bytes(key: Key) -> bytes:
    return key[0].to_bytes(8, "little") + key[1].to_bytes(8, "little")


def key_array(keys: list[Key]) -> pa.Array:
    return pa.array([as_bytes(one) for one in keys], KEY)


@settings(QUICK, max_examples=80)
@given(st.lists(st.lists(KEYS, unique=True), max_size=6), st.lists(KEYS, max_size=6), st.integers(1, 60))
def test_repeated_and_barred_keys_are_found(batches: list[list[Key]], barred: list[Key], at_once: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = KeyFile(Path(folder))
        for batch in batches:
            file.add("events.arrow", key_array(batch))
        file.bar(key_array(barred))
        shares = list(file.repeated(at_once))
        numbers = [file.first("events.arrow", index) for index in range(len(batches))]
        back = [file.of("events.arrow", index).tolist() for index in range(len(batches))]
        file.remove()
        assert list(Path(folder).iterdir()) == []
    assert back == [[list(key) for key in batch] for batch in batches]
    assert numbers == [sum(map(len, batches[:index])) for index in range(len(batches))]
    low = Counter(key[0] for batch in batches for key in batch)
    expected = {half for half, count in low.items() if count > 1 or half in {key[0] for key in barred}}
    assert sorted(half for share in shares for half in share.halves.tolist()) == sorted(expected)
    assert all(share.halves.tolist() == sorted(share.halves.tolist()) for share in shares)
    stopping = Counter(tuple(key) for share in shares for key in share.barred.tolist())
    assert stopping == Counter(key for key in barred if key[0] in low)
    assert sum(share.events for share in shares) == sum(low[half] for half in expected)


def events(keys: list[Key], first: int) -> pa.RecordBatch:
    columns = {"key": key_array(keys), "head": pa.array([f"{first + place}" for place in range(len(keys))])}
    empty = {"rows": [[]] * len(keys), "others": [[]] * len(keys), "persons": [""] * len(keys)}
    arrays = [
        columns.get(field.name, pa.array(empty.get(field.name, [None] * len(keys)), field.type)) for field in EVENTS
    ]
    return pa.record_batch(arrays, schema=EVENTS)


@settings(QUICK, max_examples=60)
@given(st.lists(st.lists(KEYS, min_size=1), max_size=6), st.integers(1, 5), st.sampled_from([1, 2_000, 1 << 20]))
def test_all_events_of_a_key_are_in_one_share_in_their_order(
    batches: list[list[Key]], shares: int, bytes_at_once: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with EventShares(Path(folder), shares, bytes_at_once) as file:
            first = 0
            for number, batch in enumerate(batches):
                file.add(events(batch, first), first + pa.array(range(len(batch))).to_numpy(), number % 3)
                first += len(batch)
            found = list(file.read())
        assert list(Path(folder).iterdir()) == []
    every = [(key, number % 3) for number, batch in enumerate(batches) for key in batch]
    assert len(found) == shares
    for share, table in enumerate(found):
        expected = [place for place, (key, _) in enumerate(every) if key[0] % shares == share]
        assert table["number"].to_pylist() == expected
        assert table["head"].to_pylist() == [str(place) for place in expected]
        assert table["key"].to_pylist() == [as_bytes(every[place][0]) for place in expected]
        assert table["route"].to_pylist() == [every[place][1] for place in expected]
