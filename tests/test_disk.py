"""A file that is given to the disk while it grows, and folders that change while they are restricted."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from connector.core.disk import CACHED_BYTES, FSYNC_BYTES, SteadySync, restrict_tree
from tests.resident import resident


def test_what_the_disk_says_of_a_piece_is_not_lost() -> None:
    """Of an error the system tells whoever asks first, and nobody after."""
    for more in ([], [3 * FSYNC_BYTES], [3 * FSYNC_BYTES, 3 * FSYNC_BYTES + 1]):
        growing = SteadySync(Path(os.devnull))
        growing.has(2 * FSYNC_BYTES)
        with pytest.raises(OSError, match="Invalid argument"):
            _go_on(growing, more)


def _go_on(growing: SteadySync, sizes: list[int]) -> None:
    try:
        for size in sizes:
            growing.has(size)
    finally:
        growing.close()


def test_a_file_grows_on_while_a_piece_is_on_its_way(tmp_path: Path) -> None:
    path, piece = tmp_path / "events", bytes(FSYNC_BYTES // 2 + 1)
    with path.open("wb", buffering=0) as file:
        growing = SteadySync(path)
        for number in range(1, 8):
            file.write(piece)
            growing.has(number * len(piece))
        growing.close()
    assert path.stat().st_size == 7 * len(piece)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot be told what they need not hold")
def test_of_a_large_file_only_the_beginning_stays_in_memory(disk_path: Path) -> None:
    path, piece = disk_path / "events", bytes(FSYNC_BYTES)
    with path.open("wb", buffering=0) as file:
        file.write(piece)
        file.seek(CACHED_BYTES)
        file.write(piece)
    assert resident(path, CACHED_BYTES) == FSYNC_BYTES
    growing = SteadySync(path)
    growing.has(CACHED_BYTES + FSYNC_BYTES)
    growing.close()
    assert (resident(path, CACHED_BYTES), resident(path)) == (0, FSYNC_BYTES)


def test_a_file_that_vanishes_does_not_keep_the_others_from_being_restricted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an unfinished file of another process does, after its folder was listed."""
    for name in "abc":
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o644)
    real, gone = os.scandir, []

    @contextmanager
    def scandir(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
        with real(folder) as entries:
            found = list(entries)
        gone.append(found[0].name)
        Path(found[0]).unlink()
        yield iter(found)

    monkeypatch.setattr(os, "scandir", scandir)
    restrict_tree(tmp_path)
    left = list(tmp_path.iterdir())
    assert [stat.S_IMODE(path.stat().st_mode) for path in left] == [0o600, 0o600]
    assert len(gone) == 1
