"""Whatever happens to the bytes of a staged file, what is read of it is what was written, or nothing."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from connector.core.hashed_rows import UNITS
from connector.errors import CorruptStage, ResumableError
from connector.staging.storage.arrow_file import ArrowFile
from connector.staging.storage.checksums import append_checksum, checksum, verify
from connector.staging.storage.open_files import OpenFiles

NAME = "events.arrow"


def units(first: int, count: int) -> pa.RecordBatch:
    numbers = range(first, first + count)
    columns = [
        [[number] for number in numbers],
        [f'["{number}"]' for number in numbers],
        [[number % 4] for number in numbers],
        [[number.to_bytes(32)] for number in numbers],
    ]
    return pa.record_batch([pa.array(*one) for one in zip(columns, UNITS.types, strict=True)], schema=UNITS)


WRITTEN = [units(0, 3), units(3, 2), units(5, 1)]


def read(directory: Path) -> list[pa.RecordBatch | None]:
    """Each batch, None where it cannot be read; nothing else is raised."""
    found: list[pa.RecordBatch | None] = []
    for index in range(len(WRITTEN)):
        with closing(OpenFiles(directory)) as files:
            try:
                batch = files.batch(NAME, index)
                batch.validate(full=True)
            except CorruptStage:
                batch = None
        found.append(batch)
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with ArrowFile(tmp_path / NAME, UNITS) as file:
        assert [file.append(batch) for batch in WRITTEN] == [0, 1, 2]
    return tmp_path / NAME


def as_written_or_nothing(path: Path) -> list[bool]:
    found = read(path.parent)
    assert all(one is None or one.equals(batch) for one, batch in zip(found, WRITTEN, strict=True))
    return [one is None for one in found]


def test_batches_are_read_by_their_place_or_in_order(path: Path) -> None:
    assert as_written_or_nothing(path) == [False] * 3
    with closing(OpenFiles(path.parent)) as files:
        assert list(files.batches(NAME)) == WRITTEN
        with pytest.raises(CorruptStage, match="is damaged"):
            files.batch(NAME, 3)


def test_flipped_bits_anywhere_are_found(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    for place in range(8, len(whole), 7):
        whole[place] ^= 1 << place % 8
        path.write_bytes(whole)
        assert any(as_written_or_nothing(path)), place
        whole[place] ^= 1 << place % 8


def test_the_first_bytes_say_nothing_that_could_be_wrong(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    for place in range(8):
        for bit in range(8):
            whole[place] ^= 1 << bit
            path.write_bytes(whole)
            as_written_or_nothing(path)
            whole[place] ^= 1 << bit


def _swapped(whole: bytes) -> Iterator[bytes]:
    generator = np.random.default_rng(1)
    for _ in range(50):
        one, other = generator.integers(0, len(whole) - 16, 2)
        changed = bytearray(whole)
        changed[one : one + 16], changed[other : other + 16] = whole[other : other + 16], whole[one : one + 16]
        yield bytes(changed)


CHANGES: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "cut": lambda whole: (whole[:size] for size in range(0, len(whole), 13)),
    "its beginning is missing": lambda whole: (whole[size:] for size in range(1, len(whole), 13)),
    "zeros": lambda whole: (
        whole[:at] + bytes(min(64, len(whole) - at)) + whole[at + 64 :] for at in range(8, len(whole), 32)
    ),
    "swapped": _swapped,
    "random": lambda whole: (os.urandom(size) for size in range(0, len(whole), 11)),
    "text": lambda whole: iter(
        [b"ARROW1", b"ARROW1\0\0", b"ARROW1" + whole, b"\n" * 100, whole + b"\n", whole + whole]
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_other_bytes_are_never_taken_for_those_that_were_written(path: Path, name: str) -> None:
    for changed in CHANGES[name](path.read_bytes()):
        path.write_bytes(changed)
        as_written_or_nothing(path)


@pytest.mark.parametrize("kind", ["missing", "a folder", "below a file"])
def test_what_is_no_file_is_no_stage(path: Path, kind: str) -> None:
    path.unlink()
    if kind == "a folder":
        path.mkdir()
    if kind == "below a file":
        path.parent.rmdir()
        path.parent.touch()
    assert read(path.parent) == [None] * 3


@contextmanager
def as_another_user() -> Iterator[None]:
    """Be a user whom permissions apply to, which they do not to root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_file_that_may_not_be_read_is_not_given_up(path: Path) -> None:
    path.chmod(0)
    with as_another_user(), closing(OpenFiles(path.parent)) as files, pytest.raises(ResumableError) as refused:
        files.batch(NAME, 0)
    assert not isinstance(refused.value, CorruptStage)
    assert refused.value.message == f"{path} cannot be read: Permission denied. Fix this, then run `connector resume`."


def test_a_file_that_the_system_cannot_open_now_is_not_given_up(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)
    with closing(OpenFiles(path.parent)) as files, pytest.raises(ResumableError, match="cannot be read: ") as refused:
        files.batch(NAME, 0)
    assert not isinstance(refused.value, CorruptStage)


def test_a_file_with_a_checksum_at_its_end_is_as_it_was_written_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "removed-events.npz"
    path.write_bytes(os.urandom(300))
    append_checksum(path)
    verify(path)
    whole = path.read_bytes()
    flipped = [whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :] for at in range(len(whole))]
    for changed in [*flipped, *(whole[:size] for size in range(len(whole))), whole + b"\n", b"x" + whole]:
        path.write_bytes(changed)
        with pytest.raises(CorruptStage, match="is damaged"):
            verify(path)


@pytest.mark.parametrize("size", [0, 1, 4_095, 4_096, 4_097, 20_000, 70_001])
def test_a_checksum_differs_for_every_flipped_bit_and_for_rows_in_another_order(size: int) -> None:
    data = bytearray(np.random.default_rng(size).bytes(size))
    known = checksum(bytes(data))
    assert known == checksum(pa.py_buffer(data)) == checksum(np.frombuffer(data, np.uint8))
    assert known not in {checksum(bytes(data) + b"\0"), *([checksum(bytes(data[:-1]))] if size else [])}
    for place in range(0, size, max(1, size // 300)):
        data[place] ^= 1 << place % 8
        assert checksum(bytes(data)) != known
        data[place] ^= 1 << place % 8
    rows = [bytes(data[at : at + 4_096]) for at in range(0, size, 4_096)]
    for one in range(len(rows) - 1):
        assert checksum(b"".join([*rows[:one], rows[one + 1], rows[one], *rows[one + 2 :]])) != known
