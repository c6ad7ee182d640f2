"""Delete stages and files that are no longer needed."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from shutil import rmtree

from connector.config.project import Project
from connector.core.outcomes import RunStatus
from connector.errors import ConnectorError, ResumableError
from connector.ledger.excluded_rows import EXCLUDED_FOLDER
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import run_directory, runs_directory
from connector.ledger.run_records import RunRecord
from connector.staging.storage.open_files import POINTER
from connector.staging.storage.writer import StagedBatch

_ENDED = frozenset({RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS})
_LEFT_BEHIND = timedelta(days=1)
"""The time after the end of a run in which events are looked for that its process left in a shared stage."""
_STAGES_AT_ONCE = 8


def reduce_stage(directory: Path) -> None:
    """Delete the events of a run that will not be resumed, and keep its excluded rows.

    The excluded rows of a shared stage are published. If it cannot be reached, the file that names it stays, so that
    the next call tries again.
    """
    is_reduced = not (directory / POINTER).exists() or _reduce_shared_stage(directory)
    for path in _files(directory):
        if is_reduced or path.name != POINTER:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _reduce_shared_stage(directory: Path) -> bool:
    from connector.staging.shared_stage import reduce_shared_stage

    return reduce_shared_stage(directory)


def remove_stage(directory: Path, record: RunRecord) -> None:
    """Delete the stage of a run that another one replaces, as far as it can be reached."""
    rmtree(directory, ignore_errors=True)
    if record.stage is not None:
        from connector.staging.shared_stage import shared_stage

        with suppress(ConnectorError):
            shared_stage(record).remove()


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
    cutoff = datetime.now(UTC) - timedelta(days=project.retention_days)
    with suppress(OSError, ConnectorError):
        ledger.delivered.prune()
        for directory in runs_directory(project).glob("*/"):
            _reduce_ended_run(ledger, directory)
        for run_id in ledger.runs.ended_before(cutoff):
            rmtree(run_directory(project, run_id), ignore_errors=True)
        _apply_to_shared(ledger, cutoff)


def _apply_to_shared(ledger: Ledger, cutoff: datetime) -> None:
    """Apply the retention to the shared stages of runs, several at once."""
    records = ledger.runs.with_stage()
    if records:
        with ThreadPoolExecutor(_STAGES_AT_ONCE) as threads:
            removed = [*threads.map(partial(_reduce_or_remove, cutoff), records)]
        for record, is_removed in zip(records, removed, strict=True):
            if is_removed:
                ledger.runs.stage_removed(record.run_id)


def _reduce_or_remove(cutoff: datetime, record: RunRecord) -> bool:
    """Delete the shared stage of a run that ended before `cutoff`, and return True.

    Of one that ended recently, delete the events that its process left behind if it died just after its end.
    """
    from connector.staging.shared_stage import shared_stage

    has_ended = record.status in _ENDED or not record.resumable
    was_read_in_vain = record.status is RunStatus.FAILED and not record.may_have_sent
    if record.finished_at is None or not (has_ended or was_read_in_vain):
        return False
    finished_at = datetime.fromisoformat(record.finished_at)
    with suppress(OSError, ConnectorError):
        if finished_at < cutoff:
            shared_stage(record).remove()
            return True
        if finished_at > datetime.now(UTC) - _LEFT_BEHIND and has_ended:
            shared_stage(record).remove_except(EXCLUDED_FOLDER)
    return False


def _reduce_ended_run(ledger: Ledger, directory: Path) -> None:
    """Delete events that a process left behind because it died just after its run's end, or before it was staged."""
    if not _files(directory):
        return
    record = ledger.runs.find(directory.name)
    if record and (record.status in _ENDED or not record.resumable):
        reduce_stage(directory)
    elif record and record.status is RunStatus.FAILED and not record.may_have_sent:
        rmtree(directory, ignore_errors=True)
