"""What is put into shares by its keys comes back whole, and each share holds all of its keys."""

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.hashed_rows import EVENTS, KEY
from connector.errors import CorruptStage
from connector.staging.storage.digest_partitions import DigestPartitions
from connector.staging.storage.event_partitions import EventPartitions
from connector.staging.storage.key_file import KeyFile
from connector.staging.storage.key_list import KeyList
from tests.staging.storage.test_known import QUICK

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
        file.block(key_array(barred))
        shares = list(file.repeated(at_once))
        numbers = [file.first_number("events.arrow", index) for index in range(len(batches))]
        back = [file.of_batch("events.arrow", index).tolist() for index in range(len(batches))]
        file.remove()
        assert list(Path(folder).iterdir()) == []
    assert back == [[list(key) for key in batch] for batch in batches]
    assert numbers == [sum(map(len, batches[:index])) for index in range(len(batches))]
    low = Counter(key[0] for batch in batches for key in batch)
    expected = {half for half, count in low.items() if count > 1 or half in {key[0] for key in barred}}
    assert sorted(half for share in shares for half in share.low.tolist()) == sorted(expected)
    assert all(share.low.tolist() == sorted(share.low.tolist()) for share in shares)
    stopping = Counter(tuple(key) for share in shares for key in share.blocked.tolist())
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
        with EventPartitions(Path(folder), shares, bytes_at_once) as file:
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


@pytest.mark.parametrize("shares", [1, 3])
def test_keys_that_are_not_those_that_were_written_are_not_read(tmp_path: Path, shares: int) -> None:
    keys = KeyList(tmp_path / "keys")
    written = np.random.default_rng(1).integers(0, 2**63, (5_000, 2)).astype(np.uint64)
    for start in range(0, 5_000, 900):
        keys.add(written[start : start + 900])
    assert (keys.read(700, 2_500) == written[700:3_200]).all()
    whole = (tmp_path / "keys").read_bytes()
    for place in range(0, len(whole), 4_001):
        (tmp_path / "keys").write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        number = place // 16
        with pytest.raises(CorruptStage):
            keys.read(number, 1)
        with pytest.raises(CorruptStage), keys.partitioned(shares) as found:
            list(found)
    (tmp_path / "keys").write_bytes(whole[:-1])
    with pytest.raises(CorruptStage):
        keys.read(4_999, 1)
    keys.remove()


def test_digests_that_are_not_those_that_were_written_are_not_read(tmp_path: Path) -> None:
    record = np.dtype([("digest", "u1", 32), ("place", "<u8")])
    records = np.zeros(50, record)
    files = DigestPartitions(tmp_path / "identifiers", record)
    files.add("email", records[:20])
    files.add("email", records[20:])
    files.finish()
    path = tmp_path / "identifiers" / "email.0"
    assert len(files.read("email", 0)) == 50 and not len(files.read("email", 1))
    whole = path.read_bytes()
    for changed in (whole[:-40], b"", b"\1" + whole[1:], whole + whole[:40]):
        path.write_bytes(changed)
        with pytest.raises(CorruptStage):
            files.read("email", 0)
    path.unlink()
    with pytest.raises(CorruptStage, match="is missing"):
        files.read("email", 0)
