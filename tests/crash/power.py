"""What a disk holds after a power loss: what was synced, and nothing else that was written since.

A file has the content that it had when it was last synced, none if it never was. A folder has the names that it had
when it was last synced; `names_are_kept` is a disk that has all names at once. The ledger holds what was committed,
since SQLite syncs at each commit, wherever its file has a name.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

Names = dict[str, tuple[int, bool]]
"""By name, the number of the file or folder, and whether it is a folder."""

LEDGER = "ledger.sqlite"


@dataclass(frozen=True)
class Loss:
    """The disk at one moment at which the power may go."""

    when: str
    folders: dict[int, Names]
    contents: dict[int, bytes]
    written: dict[int, Names]
    ledger: bytes
    root: int
    seen: int
    """How many requests had been taken."""

    def rebuild(self, project: Path, *, names_are_kept: bool) -> None:
        """Writes what is left into a folder."""
        self._fill(project, self.written if names_are_kept else self.folders, self.root)

    def _fill(self, folder: Path, known: dict[int, Names], number: int) -> None:
        for name, (own, is_folder) in known.get(number, {}).items():
            path = folder / name
            if is_folder:
                path.mkdir(mode=0o700)
                self._fill(path, known, own)
            else:
                path.write_bytes(self.ledger if name == LEDGER else self.contents.get(own, b""))


@dataclass
class Disk:
    """Records what a project's state folder would be after a power loss, at every moment that matters."""

    project: Path
    taken: Callable[[], int]
    folders: dict[int, Names] = field(default_factory=dict)
    contents: dict[int, bytes] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)

    def synced(self, descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        number = os.fstat(descriptor).st_ino
        if path == self.project or path.is_relative_to(self.project / ".connector"):
            if path.is_dir():
                self.folders[number] = _names(path, only=".connector" if path == self.project else None)
            elif not path.name.startswith(LEDGER):
                self.contents[number] = path.read_bytes()
            self.moment(f"synced {path.relative_to(self.project)}")

    def moment(self, when: str) -> None:
        written = {self.project.stat().st_ino: _names(self.project, only=".connector")}
        for path in (self.project / ".connector").rglob("*/"):
            written[path.stat().st_ino] = _names(path)
        if (self.project / ".connector").exists():
            written[(self.project / ".connector").stat().st_ino] = _names(self.project / ".connector")
        root = self.project.stat().st_ino
        self.losses.append(
            Loss(when, dict(self.folders), dict(self.contents), written, self._ledger(), root, self.taken())
        )

    def _ledger(self) -> bytes:
        path = self.project / ".connector" / LEDGER
        if not path.exists():
            return b""
        with closing(sqlite3.connect(path)) as ledger, closing(sqlite3.connect(":memory:")) as copy:
            ledger.backup(copy)
            return copy.serialize()


def _names(folder: Path, only: str | None = None) -> Names:
    found = {}
    for entry in os.scandir(folder):
        if (only is None or entry.name == only) and not entry.name.startswith(f"{LEDGER}-"):
            found[entry.name] = (entry.inode(), entry.is_dir(follow_symlinks=False))
    return found


@contextmanager
def recorded(project: Path, taken: Callable[[], int]) -> Iterator[Disk]:
    """In the block, everything that this process syncs and commits is recorded."""
    disk, sync = Disk(project, taken), os.fsync

    def fsync(descriptor: int) -> None:
        sync(descriptor)
        disk.synced(descriptor)

    def commit(_: object) -> None:
        disk.moment("about to commit")

    event.listen(Engine, "commit", commit)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        try:
            yield disk
        finally:
            event.remove(Engine, "commit", commit)
