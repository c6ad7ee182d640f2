"""Delete stages and files that are no longer needed."""

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

_ENDED = frozenset({RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS})


def reduce_stage(directory: Path) -> None:
    """Delete the events of a run that will not be resumed, and keep its excluded rows."""
    for path in _files(directory):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _files(directory: Path) -> list[Path]:
    """Return the files of a stage; excluded rows lie in a folder of their own."""
    return [path for path in directory.glob("*") if path.is_file()]


@contextmanager
def atomic_stage(directory: Path, published: Sequence[StagedBatch] = ()) -> Iterator[None]:
    """Clear the stage before the block, and again if it fails; only the files of published batches are kept.

    Raises ResumableError if the disk fails.
    """
    clear_stage(directory, published)
    try:
        yield
    except BaseException as error:
        clear_stage(directory, published)
        if isinstance(error, OSError):
            sent = "What had been staged by then was not lost" if published else "Nothing was sent"
            raise ResumableError(
                f"The result could not be staged in {directory}: {error.strerror or error}. {sent}; "
                "run it again when there is room."
            ) from None
        raise


def clear_stage(directory: Path, published: Iterable[StagedBatch]) -> None:
    """Delete the files of a stage except those of published batches; without any, delete the folder."""
    names = {batch.file for batch in published}
    if not names:
        rmtree(directory, ignore_errors=True)
        return
    for path in directory.iterdir():
        if path.is_dir():
            rmtree(path, ignore_errors=True)
        elif path.name not in names:
            path.unlink()


def apply_retention(project: Project, ledger: Ledger) -> None:
    """Delete the folders of runs that ended longer than `retention_days` ago, and expired keys.

    Errors are ignored, so that no run fails because of them; the next call tries again.
    """
    with suppress(OSError, ConnectorError):
        ledger.delivered.prune()
        for directory in runs_directory(project).glob("*/"):
            _reduce_ended_run(ledger, directory)
        for run_id in ledger.runs.ended_before(datetime.now(UTC) - timedelta(days=project.retention_days)):
            rmtree(run_directory(project, run_id), ignore_errors=True)


def _reduce_ended_run(ledger: Ledger, directory: Path) -> None:
    """Delete events that a process left behind because it died just after its run's end, or before it was staged."""
    if not _files(directory):
        return
    record = ledger.runs.find(directory.name)
    if record and (record.status in _ENDED or not record.resumable):
        reduce_stage(directory)
    elif record and record.status is RunStatus.FAILED and not record.may_have_sent:
        rmtree(directory, ignore_errors=True)
