"""Folders that several machines see: at a path, and in a real object store."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from connector.errors import ConfigurationError, CorruptStage, ResumableError
from connector.staging.storage.shared_folder import SharedFolder, link, linked


def _write(folder: Path, **files: bytes) -> None:
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)


def test_what_an_attempt_wrote_is_there_once_it_has_ended(shared: SharedFolder, tmp_path: Path) -> None:
    with shared.attempt("split-00000-ab12cd") as folder:
        _write(folder, events=b"abc" * 100, a__b=b"", keys=b"k")
    assert shared.names() == [f"split-00000-ab12cd/{name}" for name in ("a/b", "events", "keys")]
    child = shared.child("split-00000-ab12cd")
    assert child.read("events") == b"abc" * 100
    with child.open("events") as file:
        file.seek(3)
        assert (file.size(), file.read(3)) == (300, b"abc")
    assert child.fetch("a/b", tmp_path / "fetched" / "b")
    assert (tmp_path / "fetched" / "b").read_bytes() == b""
    assert (tmp_path / "fetched" / "b").stat().st_mode & 0o777 == 0o600


def test_an_attempt_that_fails_leaves_nothing(shared: SharedFolder) -> None:
    with pytest.raises(ValueError, match="no"), shared.attempt("one") as folder:
        _write(folder, events=b"abc")
        raise ValueError("no")
    assert shared.names() == []
    assert not folder.exists()


def test_attempts_side_by_side_do_not_meet(shared: SharedFolder) -> None:
    with shared.attempt("split-00000-a") as one, shared.attempt("split-00000-b") as other:
        _write(one, events=b"one")
        _write(other, events=b"other")
    assert shared.child("split-00000-a").read("events") == b"one"
    assert shared.child("split-00000-b").read("events") == b"other"


def test_a_published_file_replaces_the_earlier_one(shared: SharedFolder, tmp_path: Path) -> None:
    for content in (b"first" * 4_000_000, b"second"):
        _write(tmp_path / "own", left__rows=content)
        shared.publish(tmp_path / "own", ["left/rows"])
        assert shared.read("left/rows") == content
    assert shared.names() == ["left/rows"]


def test_what_is_not_there_is_missing(shared: SharedFolder, tmp_path: Path) -> None:
    assert shared.names() == []
    assert shared.read("events") is None
    assert not shared.fetch("events", tmp_path / "events")
    with pytest.raises(CorruptStage, match="events is missing"):
        shared.open("events")
    shared.remove_file("events")
    shared.child("nothing").remove()


def test_a_folder_is_deleted_with_everything_in_it(shared: SharedFolder) -> None:
    for name in ("a", "b"):
        with shared.attempt(name) as folder:
            _write(folder, events=b"1", deep__er=b"2")
    shared.child("a").remove()
    assert shared.names() == ["b/deep/er", "b/events"]
    shared.child("b").remove_file("events")
    assert shared.names() == ["b/deep/er"]
    shared.remove()
    assert shared.names() == []


def test_everything_but_one_folder_is_deleted(shared: SharedFolder, tmp_path: Path) -> None:
    shared.remove_except("left-out")
    _write(tmp_path / "own", a__x=b"1", b__y=b"2", c=b"3", **{"left-out__z": b"4"})
    shared.publish(tmp_path / "own", ["a/x", "b/y", "c", "left-out/z"])
    with shared.attempt("empty"):
        pass
    shared.remove_except("left-out")
    assert shared.names() == ["left-out/z"]
    if str(shared).startswith("/"):
        assert [path.name for path in Path(str(shared)).iterdir()] == ["left-out"]


def test_files_are_changed_and_deleted_here(shared: SharedFolder, tmp_path: Path) -> None:
    _write(tmp_path / "own", x__a=b"1", x__b=b"2", x__c=b"3", y__d=b"4")
    shared.publish(tmp_path / "own", ["x/a", "x/b", "x/c", "y/d"])
    with shared.changing("x") as folder:
        assert (folder / "x" / "a").read_bytes() == b"1"
        (folder / "x" / "a").unlink()
        (folder / "x" / "new").write_bytes(b"two")
        (folder / "x" / "new").replace(folder / "x" / "b")
    assert {name: shared.read(name) for name in shared.names()} == {"x/b": b"two", "x/c": b"3", "y/d": b"4"}
    with shared.here("x") as folder:
        assert {path.name: path.read_bytes() for path in (folder / "x").iterdir()} == {"b": b"two", "c": b"3"}


def test_a_folder_is_checked_without_a_trace(shared: SharedFolder, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    shared.check()
    assert shared.names() == []


def test_what_a_folder_is_in_must_be_there(shared: SharedFolder, tmp_path: Path) -> None:
    shared.publish(tmp_path, [])
    if str(shared).startswith("/"):
        (tmp_path / "shared").mkdir()
        elsewhere = SharedFolder.at(str(tmp_path / "not" / "there"))
        why = f"there is no folder {tmp_path / 'not'}, which may not be mounted on this machine"
    else:
        elsewhere, why = SharedFolder.at("s3://another-bucket/x/y"), 'there is no bucket "another-bucket"'
    shared.refuse_unmounted()
    with pytest.raises(ResumableError, match=f"{elsewhere} cannot be reached: {why}"):
        elsewhere.refuse_unmounted()


def test_a_server_of_files_that_is_down_may_come_back(tmp_path: Path) -> None:
    shared = SharedFolder.at(str(tmp_path))
    for number, fault in ((errno.EIO, ResumableError), (errno.ESTALE, ResumableError), (errno.ENOENT, CorruptStage)):
        with pytest.raises(ResumableError, match=f"{tmp_path}/events ") as caught, shared.reading("events"):
            raise OSError(number, os.strerror(number))
        assert type(caught.value) is fault or (fault is ResumableError and not isinstance(caught.value, CorruptStage))


def test_an_overlay_says_what_it_is_an_overlay_of(shared: SharedFolder, tmp_path: Path) -> None:
    assert linked(tmp_path / "run") is None
    link(tmp_path / "run", shared.child("x"))
    found = linked(tmp_path / "run")
    assert found is not None
    assert (found.address, str(found)) == (shared.child("x").address, f"{shared}/x")
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "run").iterdir()] == [0o600]


def test_at_a_path_everything_is_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        shared = SharedFolder.at(str(tmp_path / "new" / "runs"))
        with shared.attempt("a") as folder:
            (folder / "left").mkdir(mode=0o700)
            assert folder.parent == tmp_path / "new" / "runs"
        _write(tmp_path / "own", x__y=b"1")
        shared.publish(tmp_path / "own", ["x/y"])
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").rglob("*")}
    assert modes == {"runs": 0o700, "a": 0o700, "left": 0o700, "x": 0o700, "y": 0o600}


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("ftp://host/x", 'Unknown address "ftp://host/x": use a path, or one of file://, s3://, gs://.'),
        ("s3:///x", 'The address "s3:///x" names no bucket: write s3://BUCKET/FOLDER.'),
        ("s3://key:so-secret@b/x?zone=1", 'The address "s3://…@b/x" has an unknown parameter "zone"'),
        ("sftp://me:so-secret@b/x", 'Unknown address "sftp://…@b/x"'),
    ],
)
def test_an_address_that_leads_nowhere_is_refused(address: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        SharedFolder.at(address)
    assert caught.value.message.startswith(message)


USES: list[Callable[[SharedFolder, Path], object]] = [
    lambda shared, _: shared.open("events"),
    lambda shared, _: shared.names(),
    lambda shared, _: shared.read("events"),
    lambda shared, _: shared.remove(),
    lambda shared, _: shared.remove_file("events"),
    lambda shared, path: shared.fetch("events", path),
    lambda shared, path: shared.publish(path.parent, [path.name]),
]


@pytest.mark.parametrize("use", USES)
def test_a_store_that_cannot_be_reached_can_be_later(
    use: Callable[[SharedFolder, Path], object], tmp_path: Path
) -> None:
    _write(tmp_path, x=b"1")
    shared = SharedFolder.at("s3://key:so-secret@bucket/x?endpoint_override=http://127.0.0.1:1&region=eu-west-1")
    with pytest.raises(ResumableError) as caught:
        use(shared, tmp_path / "x")
    assert not isinstance(caught.value, CorruptStage)
    assert caught.value.message.startswith("s3://…@bucket/x")
    assert "NETWORK_CONNECTION" in caught.value.message
    assert "so-secret" not in caught.value.message
    assert caught.value.message.endswith("Fix this, then run `connector resume`.")


def test_what_is_wrong_with_a_folder_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = "s3://k:so-secret@b/x?endpoint_override=http://127.0.0.1:1"
    for address in (str(tmp_path / "file"), str(tmp_path / "not" / "there"), store):
        shared = SharedFolder.at(address)
        with pytest.raises(ConfigurationError) as caught:
            shared.check()
        assert caught.value.message.startswith(f"The shared folder {shared} cannot be used: ")
        assert "so-secret" not in caught.value.message
