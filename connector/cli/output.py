"""Output files: written whole or not at all, and never over a file of the project."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from connector.cli.process import allow_closed_output
from connector.errors import ConnectorError, UsageError

if TYPE_CHECKING:
    from connector.config.project import Project

ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")]


def check_output(output: Path, project: "Project", *, force: bool, is_test: bool = False) -> None:
    """Refuse to overwrite what must stay; a test may replace a file of tests. Raises UsageError."""
    try:
        mode = _mode(output)
    except OSError as error:
        raise UsageError(f'"{output}" cannot be written: {error.strerror}. Name another file.') from None
    if mode is not None and stat.S_ISDIR(mode):
        raise UsageError(f'"{output}" is a folder: name a file in it.')
    if not output.parent.is_dir():
        raise UsageError(f'The folder "{output.parent}" does not exist: create it first.')
    if mode is not None and not stat.S_ISREG(mode):
        kind = "a link" if stat.S_ISLNK(mode) else "not a file but a device, a pipe or a socket"
        raise UsageError(f'"{output}" is {kind}, which is never replaced: name another file.')
    if project.owns(output) and not (is_test and _is_test_file(output, project)):
        raise UsageError(f'"{output}" belongs to the project: name a file that it does not use.')
    if mode is not None and not force:
        raise UsageError(f'"{output}" exists: name another file, or overwrite it with --force.')


def _is_test_file(path: Path, project: "Project") -> bool:
    from connector.config.project_files import TESTS

    return path.resolve().parent == (project.directory / TESTS).resolve()


def _mode(path: Path) -> int | None:
    try:
        return path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


@contextmanager
def output_file(output: Path) -> Iterator[IO[bytes]]:
    """Open a checked file for writing; it gets its name once it is whole. Raises ConnectorError if that fails."""
    from connector.core.disk import unfinished_file

    with writing_to(output):
        unfinished = unfinished_file(output)
        try:
            with unfinished.open("r+b") as sink:
                yield sink
            unfinished.replace(output)
        finally:
            unfinished.unlink(missing_ok=True)


@contextmanager
def writing_to(output: Path) -> Iterator[None]:
    """Turn an error of the system into one sentence. Raises ConnectorError."""
    try:
        yield
        allow_closed_output()
    except OSError as error:
        # Arrow appends the system's message to its own.
        words = (error.strerror or str(error) or type(error).__name__).rpartition("] ")[2].rstrip(".")
        raise ConnectorError(f"{output} could not be written: {words}.") from error
