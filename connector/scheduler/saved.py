"""The files that say what runs: noticed when they change, and kept as they last were when all was well."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import copyfile, rmtree
from urllib.parse import quote

from connector.config.owned import FOLDERS
from connector.config.project import FILE
from connector.disk import make_private_file, make_private_folder

FOLDER = "start"
"""Below the state folder."""

State = Mapping[str, tuple[int, int, int]]


def state_of(directory: Path) -> State:
    """What tells whether any of the files has changed: of each its time, size and number."""
    found = {}
    for path in _files(directory):
        try:
            known = path.stat()
        except OSError:
            continue
        found[str(path.relative_to(directory))] = (known.st_mtime_ns, known.st_size, known.st_ino)
    return found


def kept_in(state_directory: Path, target: str) -> Path:
    """The folder for the copies."""
    return state_directory / FOLDER / quote(target, safe="")


def keep(directory: Path, kept: Path) -> None:
    """Copies the files of a project into a folder that only its owner may read."""
    rmtree(kept, ignore_errors=True)
    make_private_folder(kept)
    for path in _files(directory):
        copy = kept / path.relative_to(directory)
        make_private_folder(copy.parent)
        make_private_file(copy)
        copyfile(path, copy)


def let_go(kept: Path) -> None:
    """Removes the copies."""
    rmtree(kept, ignore_errors=True)


def _files(directory: Path) -> Iterator[Path]:
    yield directory / FILE
    for folder in FOLDERS:
        yield from sorted(path for path in (directory / folder).rglob("*") if path.is_file())
