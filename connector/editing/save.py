"""Save proposed changes of a project's files, unless somebody else has changed the project file in the meantime."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from connector.config.project_files import FILE
from connector.core.disk import make_private_file, make_private_folder, sync, unfinished_file
from connector.editing.proposal import FileVersion, Proposal, propose, read_file
from connector.errors import ConfigurationError, ConnectorError, Problem

FOLDER = "edits"
"""The folder of former versions, below the state folder."""
KEPT = 20
"""How many former versions are kept."""


class FileChanged(ConnectorError):
    """The project file is no longer the one that the changes were proposed for. `now` is its present version."""

    def __init__(self, now: FileVersion, changed_at: datetime) -> None:
        super().__init__(f"{FILE} was changed by somebody else at {changed_at:%H:%M} UTC. Nothing was saved.")
        self.now = now


def save(directory: Path, state_directory: Path, proposal: Proposal) -> None:
    """Write the new files, then the project file in one step, and keep its former version.

    Raises FileChanged if the project file is not the one before the proposal, ConfigurationError if a new file exists
    already or one cannot be written.
    """
    with _locked(state_directory), _problems_of_writing(directory):
        now = read_file(directory)
        if now.digest != proposal.before.digest:
            raise FileChanged(now, datetime.fromtimestamp((directory / FILE).stat().st_mtime, UTC))
        _refuse_links(directory)
        for name, content in proposal.new_files.items():
            _add(directory / name, content)
        if proposal.after.digest != now.digest:
            _keep(state_directory / FOLDER, now)
            _replace(directory / FILE, proposal.after.content)


def rebase(proposal: Proposal, now: FileVersion) -> Proposal | None:
    """Return the same edits of the present version; None if somebody else has changed one of their values.

    Raises CannotSplice.
    """
    if any(_value(proposal.before.data, edit.path) != _value(now.data, edit.path) for edit in proposal.edits):
        return None
    return propose(now, proposal.edits, proposal.new_files)


def _value(data: object, path: tuple[str | int, ...]) -> object:
    for key in path:
        if isinstance(data, dict):
            data = data.get(key)
        elif isinstance(data, list) and isinstance(key, int) and key < len(data):
            data = data[key]
        else:
            return None
    return data


@contextmanager
def _locked(state_directory: Path) -> Iterator[None]:
    make_private_folder(state_directory)
    with FileLock(state_directory / "edits.lock", mode=0o600):
        yield


@contextmanager
def _problems_of_writing(directory: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError as error:
        name = Path(str(error.filename)).relative_to(directory)
        raise ConfigurationError(f"The file {name} exists already: choose another name.") from error
    except OSError as error:
        path = Path(str(error.filename or FILE))
        raise ConfigurationError(f"The file {path.name} cannot be written: {error.strerror}.") from error


def _refuse_links(directory: Path) -> None:
    if (directory / FILE).is_symlink():
        raise ConfigurationError([Problem("The file is a link: edit the file that it links to.", directory / FILE)])


def _add(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync(path.parent)


def _replace(path: Path, content: bytes) -> None:
    """Replace a file in one step, with the mode and, if permitted, the owner of the present one."""
    status, unfinished = path.stat(), unfinished_file(path)
    try:
        unfinished.write_bytes(content)
        unfinished.chmod(status.st_mode & 0o7777)
        with suppress(PermissionError):
            os.chown(unfinished, status.st_uid, status.st_gid)
        sync(unfinished)
        unfinished.replace(path)
        sync(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def _keep(folder: Path, version: FileVersion) -> None:
    make_private_folder(folder)
    path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{version.digest[:8]}.yaml"
    make_private_file(path)
    path.write_bytes(version.content)
    for old in sorted(folder.glob("*.yaml"))[:-KEPT]:
        old.unlink(missing_ok=True)
