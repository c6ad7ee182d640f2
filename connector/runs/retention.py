"""What is no longer needed is deleted."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import rmtree

from connector.config.project import Project
from connector.core.outcomes import RunStatus
from connector.errors import ConnectorError, ResumableError
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import run_directory, runs_directory
from connector.staging.storage.writer import StagedBatch

_OVER = frozenset({RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS})


def reduce_stage(directory: Path) -> None:
    """Deletes the events of a run that will not go on; the rows that were left out stay."""
    for path in _files(directory):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _files(directory: Path) -> list[Path]:
    """The files of a stage; rows that were left out lie in a folder of their own."""
    return [path for path in directory.glob("*") if path.is_file()]


@contextmanager
def staged_or_not_at_all(directory: Path, but: Sequence[StagedBatch] = ()) -> Iterator[None]:
    """In the block a stage is made. An error leaves nothing of it but the files of those batches that are handed on.

    Raises ResumableError where the disk fails.
    """
    clear_stage(directory, but)
    try:
        yield
    except BaseException as error:
        clear_stage(directory, but)
        if isinstance(error, OSError):
            sent = "What had been staged by then was not lost" if but else "Nothing was sent"
            raise ResumableError(
                f"The result could not be staged in {directory}: {error.strerror or error}. {sent}; "
                "run it again when there is room."
            ) from None
        raise


def clear_stage(directory: Path, but: Iterable[StagedBatch]) -> None:
    """Deletes what is in the folder of a stage but for the files of some batches; without any, the folder."""
    kept = {batch.file for batch in but}
    if not kept:
        rmtree(directory, ignore_errors=True)
        return
    for path in directory.iterdir():
        if path.is_dir():
            rmtree(path, ignore_errors=True)
        elif path.name not in kept:
            path.unlink()


def clear_up(project: Project, ledger: Ledger) -> None:
    """Deletes what is kept of runs that ended longer than `retention_days` ago, and keys that nobody needs.

    What cannot be deleted now is deleted another time: no run fails over it.
    """
    with suppress(OSError, ConnectorError):
        ledger.delivered.prune()
        for directory in runs_directory(project).glob("*/"):
            _reduce_what_is_over(ledger, directory)
        for run_id in ledger.runs.ended_before(datetime.now(UTC) - timedelta(days=project.retention_days)):
            rmtree(run_directory(project, run_id), ignore_errors=True)


def _reduce_what_is_over(ledger: Ledger, directory: Path) -> None:
    """A process that died just after its run's end left the events behind, as does one that could not say that all
    of them were staged.
    """
    if not _files(directory):
        return
    record = ledger.runs.find(directory.name)
    if record and (record.status in _OVER or not record.resumable):
        reduce_stage(directory)
    elif record and record.status is RunStatus.FAILED and not record.begun:
        rmtree(directory, ignore_errors=True)
