"""A snapshot of the project's files: their stats, to notice changes, and a copy of the last valid ones."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from shutil import copyfile, rmtree
from urllib.parse import quote

from connector.config.project_files import FILE, FOLDERS
from connector.core.disk import make_private_file, make_private_folder

FOLDER = "start"
"""The folder for copies, below the state folder."""

FileStats = Mapping[str, tuple[int, int, int]]


def file_stats(directory: Path) -> FileStats:
    """Return time, size and inode of each file, which tell whether any has changed."""
    return path_stats(_files(directory))


def path_stats(paths: Iterable[Path]) -> FileStats:
    """Return time, size and inode of each of these files that exists."""
    stats = {}
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        stats[str(path)] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return stats


def snapshot_folder(state_directory: Path, target: str) -> Path:
    """Return the folder for the copies."""
    return state_directory / FOLDER / quote(target, safe="")


def save_snapshot(directory: Path, snapshot: Path) -> None:
    """Copy the files of a project into a folder that only its owner may read."""
    rmtree(snapshot, ignore_errors=True)
    make_private_folder(snapshot)
    for path in _files(directory):
        copy = snapshot / path.relative_to(directory)
        make_private_folder(copy.parent)
        make_private_file(copy)
        copyfile(path, copy)


def delete_snapshot(snapshot: Path) -> None:
    """Delete the copies."""
    rmtree(snapshot, ignore_errors=True)


def _files(directory: Path) -> Iterator[Path]:
    yield directory / FILE
    for folder in FOLDERS:
        yield from sorted(path for path in (directory / folder).rglob("*") if path.is_file())
