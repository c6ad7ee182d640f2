"""Open the ledger of a project, and locate the folders of its runs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from connector.config.project import Project
from connector.config.suggest import did_you_mean
from connector.core.disk import make_private_file, restrict_tree
from connector.errors import UsageError
from connector.ledger.ledger import Ledger, open_ledger
from connector.ledger.run_records import RunRecord, Scope

LATEST = "latest"
"""Stands for the id of the run that started last."""


def find_run(project: Project, run_id: str) -> RunRecord:
    """Return the run with this id, the only one whose id begins so, or the latest one for `latest`.

    Raises UsageError if there is none, or several.
    """
    with ledger_of(project) as ledger:
        found = ledger.runs.latest(1) if run_id == LATEST else ledger.runs.named(run_id)
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f'Several runs begin with "{run_id}": {" and ".join(run.run_id for run in found)}.')
        if run_id == LATEST:
            raise UsageError("There is no run yet.")
        run_ids = [LATEST, *(run.run_id for run in ledger.runs.latest(100))]
        hint = did_you_mean(run_id, run_ids) or " `connector runs` lists them."
        raise UsageError(f'There is no run "{run_id}".{hint}')


def last_success(project: Project, name: str, scope: Scope) -> datetime | None:
    """Return the start of the last completed run of an orchestration; None without one, or without a ledger."""
    with existing_ledger(project) as ledger:
        return ledger.runs.last_success(name, scope) if ledger else None


def last_cursors(project: Project, name: str, scope: Scope) -> list[Mapping[str, Any]]:
    """Return what `Runs.last_cursors` gives; nothing without a ledger."""
    with existing_ledger(project) as ledger:
        return list(ledger.runs.last_cursors(name, scope)) if ledger else []


def runs_directory(project: Project) -> Path:
    """Return the folder with the stages of all runs."""
    return project.state_directory / "runs"


def run_directory(project: Project, run_id: str) -> Path:
    """Return the folder with the stage and the excluded rows of a run."""
    return runs_directory(project) / run_id


@contextmanager
def existing_ledger(project: Project, opened: Ledger | None = None) -> Iterator[Ledger | None]:
    """Yield the `opened` ledger, else that of the project; None if there is none yet. Create none."""
    if opened is not None:
        yield opened
    elif (path := _file_of(project)) and not path.exists():
        yield None
    else:
        with ledger_of(project) as ledger:
            yield ledger


def _file_of(project: Project) -> Path | None:
    from connector.ledger.database import file_of

    return file_of(project.ledger_url)


def damaged_ledger(project: Project) -> Path | None:
    """Return the file of the project's ledger if it is damaged."""
    from connector.ledger.damage import is_damaged

    path = _file_of(project)
    return path if path and path.exists() and is_damaged(path) else None


@cache
def restrict_once(folder: Path) -> None:
    """Restrict a folder and everything below it to its owner; once in a process, as there may be many files."""
    restrict_tree(folder)


def hide_from_git(folder: Path) -> None:
    """Write a `.gitignore` that hides the state folder, if it is there and has none."""
    file = folder / ".gitignore"
    with suppress(OSError):
        if folder.is_dir() and not file.exists():
            make_private_file(file)
            file.write_text("*\n", "utf-8")


@contextmanager
def ledger_of(project: Project) -> Iterator[Ledger]:
    """Open the project's ledger. Raises ConnectorError if that fails."""
    restrict_once(project.state_directory.resolve())
    has_run = any(runs_directory(project).glob("*/"))
    ledger = open_ledger(project.ledger_url, may_be_new=not has_run)
    hide_from_git(project.state_directory)
    try:
        yield ledger
    finally:
        ledger.close()
