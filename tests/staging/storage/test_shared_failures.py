"""Processes that die, disks that are full and folders of the dead: nothing of an attempt counts that did not end."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from connector.errors import ResumableError
from connector.staging.storage.shared_folder import SharedFolder
from tests.cli.test_output_files import no_file_larger

CONTENT = bytes(range(256)) * 80_000
"""About 20 MB: several parts of an upload."""

WRITE = """
import sys, time
from connector.staging.storage.shared_folder import SharedFolder

CONTENT = bytes(range(256)) * 80_000
with SharedFolder.at(sys.argv[1]).attempt("split-00000-dead") as folder:
    for name in ("a", "b", "c"):
        (folder / name).write_bytes(CONTENT)
        print(folder, flush=True)
    if sys.argv[2] == "writing":
        time.sleep(60)
"""


def started(shared: SharedFolder, temporary: Path, when: str) -> "subprocess.Popen[str]":
    environ = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", WRITE, shared.address, when]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("when", ["writing", "ending"])
def test_an_attempt_that_is_killed_leaves_whole_files_or_none(shared: SharedFolder, tmp_path: Path, when: str) -> None:
    (tmp_path / "tmp").mkdir()
    with started(shared, tmp_path / "tmp", when) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(3)]
        time.sleep(0.05)
        process.kill()
    assert len(set(lines)) == 1
    is_path = str(shared).startswith("/")
    left = shared.names()
    if when == "writing":
        assert left == (["split-00000-dead/a", "split-00000-dead/b", "split-00000-dead/c"] if is_path else [])
    assert all(shared.read(name) == CONTENT for name in left)
    with shared.attempt("split-00000-next") as folder:
        (folder / "a").write_bytes(b"1")
    assert shared.read("split-00000-next/a") == b"1"
    shared.child("split-00000-dead").remove()
    assert shared.names() == ["split-00000-next/a"]


@pytest.mark.parametrize("shared", ["s3"], indirect=True)
def test_what_a_killed_process_left_on_this_machine_is_deleted_later(
    shared: SharedFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with started(shared, temporary, "writing") as dead, started(shared, temporary, "writing") as alive:
        assert dead.stdout
        assert alive.stdout
        of_dead, of_living = Path(dead.stdout.readline().strip()), Path(alive.stdout.readline().strip())
        dead.kill()
        dead.wait()
        monkeypatch.setattr(tempfile, "tempdir", str(temporary))
        for age, left in ((0, {of_dead, of_living}), (7200, {of_living})):
            for folder in (of_dead, of_living):
                moment = time.time() - age
                os.utime(folder, (moment, moment))
            with shared.attempt(f"next-{age}") as own:
                assert {*temporary.iterdir()} - {own} == left
            assert not own.exists()
        alive.kill()


def test_a_full_disk_stops_an_attempt_which_can_be_made_again(shared: SharedFolder) -> None:
    with (
        no_file_larger(100_000),
        pytest.raises(ResumableError, match=r"split-00000-a cannot be written: .* Fix this, then run"),
        shared.attempt("split-00000-a") as folder,
    ):
        (folder / "events").write_bytes(CONTENT)
    assert shared.names() == []
    assert not folder.exists()
    with shared.attempt("split-00000-a") as folder:
        (folder / "events").write_bytes(b"1")


def test_a_full_disk_leaves_the_published_file_as_it_was(tmp_path: Path) -> None:
    shared = SharedFolder.at(str(tmp_path / "shared"))
    (tmp_path / "rows").write_bytes(b"earlier")
    shared.publish(tmp_path, ["rows"])
    (tmp_path / "rows").write_bytes(CONTENT)
    with no_file_larger(100_000), pytest.raises(ResumableError, match="rows cannot be written: "):
        shared.publish(tmp_path, ["rows"])
    assert shared.read("rows") == b"earlier"
    with no_file_larger(3), pytest.raises(ResumableError, match="rows cannot be read: "):
        shared.fetch("rows", tmp_path / "fetched")
    assert not (tmp_path / "fetched").exists()
    assert shared.names() == ["rows"]
