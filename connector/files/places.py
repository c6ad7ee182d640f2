"""Where files lie: below the project, or at an address that a driver of fsspec's reads."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Protocol

from connector.config.suggest import did_you_mean
from connector.errors import ConfigurationError, FileRefused
from connector.files.failures import reading, shown
from connector.files.heading import check_name

DRIVERS = {"s3": "s3fs", "gs": "gcsfs", "sftp": "sshfs"}
"""By an address's scheme, the driver that it needs; the extra `files` installs all of them."""

_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it was found. `stamp` is another one once the file has changed; `size` is in bytes as it lies there."""

    path: str
    shown: str
    size: int
    stamp: Hashable


class Place(Protocol):
    """Somewhere that has files."""

    def find(self, pattern: str) -> list[str]:
        """The paths of the files that a path or a glob names."""

    def look(self, path: str) -> tuple[int, Hashable]:
        """A file's size and stamp as they are now."""

    def open(self, path: str) -> IO[bytes]:
        """The file, to be read from its start to its end."""

    def close(self) -> None:
        """Lets go of connections."""


def scheme_of(pattern: str) -> str | None:
    """The scheme of an address; None for a path of this machine. Raises ConfigurationError for an unknown one."""
    scheme, mark, _ = pattern.partition("://")
    if not mark:
        return None
    if scheme in DRIVERS:
        return scheme
    known = ", ".join(f"{name}://" for name in DRIVERS)
    hint = did_you_mean(scheme, DRIVERS)
    raise ConfigurationError(f'No file can be read from "{scheme}://": use a path, or one of {known}.{hint}')


def check_address(pattern: str, directory: Path) -> None:
    """What can be known of a path or an address without looking there.

    Raises ConfigurationError for an unknown scheme, a driver that is not installed, a type of file that is not read.
    """
    scheme = scheme_of(pattern)
    if scheme and not (_is_installed("fsspec") and _is_installed(DRIVERS[scheme])):
        raise ConfigurationError(f"Files at {scheme}:// need {DRIVERS[scheme]}: pip install 'connector[files]'.")
    if not _WILD & set(pattern.rpartition("/")[2]):
        check_name(pattern, shown_from(pattern, directory))


@contextmanager
def place_of(pattern: str, directory: Path) -> Iterator[Place]:
    """What reads files of this address. Raises ConfigurationError as `check_address` does, SourceError where none
    answers.
    """
    check_address(pattern, directory)
    place = _local() if scheme_of(pattern) is None else _remote(pattern)
    try:
        yield place
    finally:
        place.close()


def find(place: Place, pattern: str, directory: Path) -> list[Found]:
    """The files that a pattern names, in the order of their names; paths of this machine are shown from `directory`.

    Raises FileRefused where there is none, or one of another type, SourceError where they cannot be looked for.
    """
    name = shown_from(pattern, directory)
    with reading(name):
        paths = sorted(place.find(pattern))
    if not paths:
        what = "file that matches" if _WILD & set(pattern) else "file"
        raise FileRefused(f"There is no {what} {name}.")
    return [_found(place, path, shown_from(path, directory)) for path in paths]


def look_again(place: Place, file: Found) -> Found:
    """The file as it is now. Raises as `find` does."""
    return _found(place, file.path, file.shown)


def _found(place: Place, path: str, name: str) -> Found:
    check_name(path, name)
    with reading(name):
        return Found(path, name, *place.look(path))


def shown_from(path: str, directory: Path) -> str:
    """A path or an address as it is shown: from the project's folder, and without a password."""
    local = Path(path)
    return str(local.relative_to(directory)) if local.is_relative_to(directory) else shown(path)


def _local() -> Place:
    from connector.files.local import Local

    return Local()


def _remote(pattern: str) -> Place:
    from connector.files.remote import Remote

    with reading(shown(pattern)):
        return Remote(pattern)


def _is_installed(module: str) -> bool:
    return find_spec(module) is not None
