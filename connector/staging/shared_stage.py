"""The folders of runs of which the stage lies in a folder that several machines share."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from connector.config.project import Project
from connector.errors import ConfigurationError, ConnectorError, ResumableError
from connector.ledger.excluded_rows import EXCLUDED_FOLDER, RowChange, RowMask, change_excluded_rows
from connector.ledger.project_ledger import run_directory
from connector.ledger.run_records import RunRecord
from connector.staging.storage.open_files import shared_folder_of
from connector.staging.storage.shared_folder import SharedFolder, UnreachableFolder, link

_MARK = "marked-by-host"


def shared_stage(record: RunRecord) -> SharedFolder:
    """Return the shared folder of a run, which has one. Raises ResumableError if it cannot be reached."""
    shared = SharedFolder.at(record.stage or "")
    shared.refuse_unmounted()
    return shared


def mark_stage(shared: SharedFolder) -> None:
    """Write a file to the shared folder of a run, by which other machines know that they see the same folder."""
    with TemporaryDirectory(prefix="connector-") as folder:
        Path(folder, _MARK).write_text(socket.gethostname())
        shared.publish(Path(folder), [_MARK])


def refuse_unmarked(shared: SharedFolder) -> None:
    """Raise ConfigurationError if this machine sees another folder than the one that was marked."""
    if shared.read(_MARK) is None:
        raise ConfigurationError(
            f"{shared} is not the same folder on {socket.gethostname()} as where the run started: mount the same one "
            f"on every node, or use s3:// or gs://. If it was deleted, put an empty file {_MARK} into it: what was not "
            "delivered is then read again."
        )


@contextmanager
def stage_folder(project: Project, record: RunRecord) -> Iterator[Path]:
    """Yield the folder of a run's stage, or one through which its shared stage is read until the block ends."""
    directory = run_directory(project, record.run_id)
    if record.stage is None or directory.exists():
        yield directory
        return
    with TemporaryDirectory(prefix="connector-") as temporary:
        overlay = Path(temporary, record.run_id)
        link(overlay, shared_stage(record))
        yield overlay


@contextmanager
def excluded_folder(project: Project, record: RunRecord) -> Iterator[Path]:
    """Yield the folder of a run with its excluded rows, or one with copies of those in its shared stage.

    Raises ConnectorError if the shared stage cannot be reached.
    """
    directory = run_directory(project, record.run_id)
    is_here = was_driven_here(record) and (directory / EXCLUDED_FOLDER).exists()
    if record.stage is None or is_here:
        yield directory
        return
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(shared_stage(record).here(EXCLUDED_FOLDER))
        except UnreachableFolder as error:
            raise ConnectorError(
                f"The excluded rows of run {record.run_id} cannot be read: {error.fault}. Try again once it can."
            ) from None
        yield folder


def was_driven_here(record: RunRecord) -> bool:
    """Return whether a process on this machine was the last to read or send the run, and has its excluded rows."""
    return record.host == socket.gethostname()


def reduce_shared_stage(directory: Path) -> bool:
    """Publish the excluded rows in the folder of a run, and delete everything else in its shared stage.

    Returns False if the shared stage cannot be reached now.
    """
    shared = shared_folder_of(directory)
    if shared is None:
        return True
    try:
        shared.publish(directory, [str(path.relative_to(directory)) for path in _excluded_files(directory)])
        shared.remove_except(EXCLUDED_FOLDER)
    except ResumableError:
        return False
    return True


def _excluded_files(directory: Path) -> list[Path]:
    return sorted((directory / EXCLUDED_FOLDER).glob("*.parquet"))


def redact_shared_rows(record: RunRecord, select: RowMask, change: RowChange) -> int:
    """Change the excluded rows in the shared stage of a run, as `change_excluded_rows` does those in a local folder.

    Rows are counted once, although attempts that were merged still have them too. Raises ResumableError if the stage
    cannot be reached.
    """
    changed, shared = dict[str, int](), shared_stage(record)
    for part in sorted({name.rpartition(f"{EXCLUDED_FOLDER}/")[0] for name in shared.names() if _is_excluded(name)}):
        child = shared.child(part.rstrip("/")) if part else shared
        with child.changing(EXCLUDED_FOLDER) as folder:
            changed[part] = change_excluded_rows(folder, select, change)
    return changed[""] if "" in changed else sum(changed.values())


def _is_excluded(name: str) -> bool:
    folder = name.rpartition("/")[0]
    return folder.rpartition("/")[2] == EXCLUDED_FOLDER
