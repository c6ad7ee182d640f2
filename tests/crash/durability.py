"""What the disk has at each commit of the ledger, from what is synced by then."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from sqlalchemy import Engine, event

from tests.crash.power import Disk, recorded

Rows = set[tuple[str, str]]


@dataclass(frozen=True)
class Commit:
    """What the ledger says before a commit, and which files of runs there are and are on the disk."""

    batches: Rows
    """Run and file of each staged batch."""
    finished: set[str]
    """The runs that have ended."""
    on_disk: set[str]
    """Files, relative to the folder of runs, whose content and names are synced."""
    files: set[str]


@dataclass
class Commits:
    """Records every commit of the ledger."""

    disk: Disk
    seen: list[Commit] = field(default_factory=list)

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.disk.project / ".connector"

    def add(self) -> None:
        """Record the present moment."""
        runs, batches = self.state / "runs", self._rows("SELECT run_id, file FROM batches")
        finished = {run_id for run_id, _ in self._rows("SELECT run_id, '' FROM runs WHERE finished_at IS NOT NULL")}
        files = {path.relative_to(runs).as_posix() for path in runs.rglob("*") if path.is_file()}
        on_disk = {name for name in files if is_on_disk(self.disk, runs / name)}
        self.seen.append(Commit(batches, finished, on_disk, files))

    def _rows(self, query: str) -> Rows:
        path = self.state / "ledger.sqlite"
        if not path.exists():
            return set()
        with closing(sqlite3.connect(path)) as ledger:
            tables = {name for (name,) in ledger.execute("SELECT name FROM sqlite_master")}
            return set(ledger.execute(query)) if "batches" in tables else set()

    def check(self) -> set[str]:
        """Compare the disk at each commit with what the commit says; return the names of the files it refers to."""
        referred: set[str] = set()
        for before, after in pairwise(self.seen):
            for run_id in {run_id for run_id, _ in after.batches - before.batches}:
                staged = {f"{run_id}/{file}" for run, file in after.batches if run == run_id}
                referred |= staged | ({f"{run_id}/removed.npz"} & before.files)
                assert referred & before.files - before.on_disk == set(), "the ledger refers to what may be lost"
                assert staged <= before.on_disk
            for run_id in after.finished - before.finished:
                excluded = {name for name in before.files if name.startswith(f"{run_id}/left-out/")}
                assert excluded <= before.on_disk, "a run ends whose excluded rows may be lost"
                referred |= excluded
        return {name.partition("/")[2] for name in referred}


def is_on_disk(disk: Disk, path: Path) -> bool:
    """Tell whether a file's content is synced, and its name and those of its folders below the project."""
    if disk.contents.get(path.stat().st_ino) != path.read_bytes():
        return False
    while path != disk.project:
        if path.name not in disk.folders.get(path.parent.stat().st_ino, {}):
            return False
        path = path.parent
    return True


@contextmanager
def committing(project: Path, taken: Callable[[], int] = lambda: 0) -> Iterator[Commits]:
    """Record what is on the disk at every commit in the block."""
    with recorded(project, taken) as disk:
        commits = Commits(disk)

        def commit(_: object) -> None:
            commits.add()

        event.listen(Engine, "commit", commit)
        try:
            yield commits
            commits.add()
        finally:
            event.remove(Engine, "commit", commit)
