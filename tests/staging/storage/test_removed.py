"""The list of events that were taken out of a stage, as this version and an earlier one wrote it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from connector.errors import CorruptStage
from connector.staging.storage.deletion_mask import read_deletions

EARLIER = "removed.npz"
"""Written by an earlier version, without a checksum."""


def _write(path: Path) -> None:
    named: dict[str, Any] = {"events.arrow/0": np.array([1, 7], np.uint16)}
    np.savez(path, **named)


def test_a_list_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    _write(tmp_path / EARLIER)
    assert {name: found.tolist() for name, found in read_deletions(tmp_path).items()} == {"events.arrow/0": [1, 7]}


@pytest.mark.parametrize("size", [0, 10, 60, 200])
def test_a_list_of_an_earlier_version_may_be_damaged(tmp_path: Path, size: int) -> None:
    _write(tmp_path / EARLIER)
    (tmp_path / EARLIER).write_bytes((tmp_path / EARLIER).read_bytes()[:size])
    with pytest.raises(CorruptStage, match=f"{EARLIER} is damaged"):
        read_deletions(tmp_path)


def test_a_list_of_this_version_without_its_checksum_is_damaged(tmp_path: Path) -> None:
    _write(tmp_path / "removed-events.npz")
    with pytest.raises(CorruptStage, match="is damaged"):
        read_deletions(tmp_path)


def test_without_a_list_nothing_was_taken_out(tmp_path: Path) -> None:
    assert read_deletions(tmp_path) == {}
