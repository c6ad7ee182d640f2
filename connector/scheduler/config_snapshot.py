"""A snapshot of the project's files: their stats, to notice changes, and a copy of the last valid ones."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from shutil import rmtree
from urllib.parse import quote

from connector.config.project_files import copy_project_files, project_files
from connector.core.disk import make_private_folder

FOLDER = "start"
"""The folder for copies, below the state folder."""

FileStats = Mapping[str, tuple[int, int, int]]


def file_stats(directory: Path) -> FileStats:
    """Return time, size and inode of each file, which tell whether any has changed."""
    return path_stats(project_files(directory))


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
    copy_project_files(directory, snapshot)


def delete_snapshot(snapshot: Path) -> None:
    """Delete the copies."""
    rmtree(snapshot, ignore_errors=True)
