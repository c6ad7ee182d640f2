"""Write batches as files to a folder, and check that it can be written."""

import errno
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from time import perf_counter

from connector.config.project import Project
from connector.config.remote_address import check_driver, scheme_of
from connector.core.redaction import redact
from connector.delivery.answer import Answer, Verdict
from connector.delivery.batch import Batch
from connector.destinations.base import Attempt
from connector.destinations.checks import Check, CheckedDestination, Outcome
from connector.destinations.context import RunContext
from connector.destinations.file.encoder import (
    DIGESTS,
    SUFFIXES,
    as_parquet,
    as_request,
    people_as_parquet,
    with_action,
)
from connector.destinations.file.folder_writer import Writer, open_writer
from connector.destinations.file.settings import FolderSettings
from connector.destinations.guard import Breach, blocked_message, breach_of_events, breach_of_people
from connector.errors import ConfigurationError, Problem, ResumableError, Rule

PLATFORM = "the folder"
DELETION_NOTE = "Files that exist stay as they are: find the lines with these digests, and delete them."
TEST_FILE = ".connector-test"
THEN_RESUME = "Then run `connector resume`."
LONGEST_REASON = 300
LONGEST_RESOURCE = 150
"""The most bytes of a file name for the event source or audience; a file name may have 255."""
_UNUSUAL = re.compile(r"[^\w-]")
_LASTING = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ENAMETOOLONG,
    }
)
"""Errors of a disk that no attempt a moment later gets rid of."""
_DENIED = re.compile("Credential|PermissionDenied|HostKey")
"""Names of the errors by which drivers say that nobody may log in."""


class Folder:
    """The parts of both destinations that are about their folder."""

    settings: FolderSettings

    @property
    def goes_to(self) -> str:
        """See `Destination.goes_to`."""
        return self.settings.address

    def check_writing(self, project: Project) -> CheckedDestination:
        """Write a small file, and delete it."""
        self.check_path(project, TEST_FILE)
        try:
            with open_writer(self.settings.path, project.directory) as writer:
                writer.replace(TEST_FILE, b"")
                with suppress(Exception):
                    writer.remove(TEST_FILE)
        except Exception as error:
            return CheckedDestination([Check("writing", Outcome.FAILED, sentence(self.settings, error))])
        return CheckedDestination([Check("writing", Outcome.PASSED, f"{self.settings.address} can be written.")])

    def check_path(self, project: Project, name: str) -> None:
        """Raise ConfigurationError if the folder cannot be right, or the project owns what is below `name` there."""
        try:
            check_driver(self.settings.path)
        except ConfigurationError as error:
            raise self._problem(project, error.message) from None
        if scheme_of(self.settings.path) is not None:
            return
        folder = project.directory / self.settings.path
        if folder.exists() and not folder.is_dir():
            raise self._problem(project, f"{self.settings.path} is not a folder: name one as `path`.")
        if project.owns(folder / name / "run" / "batch"):
            raise self._problem(
                project, f"{self.settings.path} has files of the project: name another folder as `path`."
            )

    def _problem(self, project: Project, message: str) -> ConfigurationError:
        place = project.location("destinations", self.settings.name, "path")
        return ConfigurationError([Problem(message, *place, Rule.INVALID_VALUE)])

    @contextmanager
    def open_run(self, context: RunContext, run_id: str) -> Iterator[Attempt]:
        """Open the folder for the batches of a run. Files are named after the orchestration, the run and the batch."""
        orchestration = context.ledger.runs.get(run_id).orchestration
        self.check_path(context.project, orchestration)
        with ExitStack() as stack:
            try:
                writer = stack.enter_context(open_writer(self.settings.path, context.project.directory))
            except Exception as error:
                raise ResumableError(f"{sentence(self.settings, error)} {THEN_RESUME}") from None
            yield FileAttempt(self.settings, writer, f"{orchestration}/{run_id}")


@dataclass(frozen=True, slots=True)
class FileAttempt:
    """Writes one batch as one file; called from several threads."""

    settings: FolderSettings
    writer: Writer
    folder: str
    """The folder of the run, below that of the settings."""

    def __call__(self, batch: Batch) -> Answer:
        """Write the batch once, unless it holds what must not be written."""
        began, lines = perf_counter(), bytes(batch.payload)
        if breach := _breach(batch, lines):
            return Answer(Verdict.BLOCKED, message=blocked_message(breach, batch))
        data = _contents(batch, lines, self.settings.format)
        try:
            self.writer.replace(f"{self.folder}/{file_name(batch, self.settings.format)}", data)
        except Exception as error:
            return _failed(self.settings, error, perf_counter() - began)
        return Answer(Verdict.ACCEPTED, seconds=perf_counter() - began)


def _breach(batch: Batch, lines: bytes) -> Breach | None:
    is_about_people = batch.route.operation.id_types
    body = as_request(lines)
    return breach_of_people(body, DIGESTS) if is_about_people else breach_of_events(body)


def _contents(batch: Batch, lines: bytes, written_as: str) -> bytes:
    """Return the contents of a batch's file."""
    if not batch.route.operation.id_types:
        return lines if written_as == "json" else as_parquet(lines, batch.route)
    people = with_action(lines, batch.route)
    return people if written_as == "json" else people_as_parquet(people, batch.route)


def file_name(batch: Batch, written_as: str) -> str:
    """Return the name of a batch's file, which is the same each time that it is written.

    A part of a batch, of which another part must not be written, has the number of its first event as well.
    """
    action = f"-{batch.route.operation.action}" if batch.route.operation.id_types else ""
    resource = _UNUSUAL.sub("_", f"{batch.route.resource_type}-{batch.route.resource_id}")
    route = resource.encode()[:LONGEST_RESOURCE].decode(errors="ignore") + action
    part = f"-{batch.offset:06}" if batch.offset else ""
    return f"{route}-{batch.number:06}{part}.{SUFFIXES[written_as]}"


def _failed(settings: FolderSettings, error: Exception, seconds: float) -> Answer:
    """Return what an error means for the batch: its file is not there, or whole and written again later."""
    if _is_lasting(error):
        return Answer(Verdict.STOP, message=f"{sentence(settings, error)} {THEN_RESUME}", seconds=seconds)
    return Answer(Verdict.RETRY, message=sentence(settings, error), seconds=seconds)


def _is_lasting(error: Exception) -> bool:
    """Return whether every batch would get the same error: a full disk, no permission, no such bucket."""
    if isinstance(error, PermissionError | FileNotFoundError) or _DENIED.search(type(error).__name__):
        return True
    return isinstance(error, OSError) and error.errno in _LASTING


def sentence(settings: FolderSettings, error: Exception) -> str:
    """Return a sentence on an error of writing, without what identifies a person."""
    reason = (error.strerror if isinstance(error, OSError) else None) or redact(str(error)) or type(error).__name__
    return f"{settings.address} could not be written: {reason.rstrip('.')[:LONGEST_REASON]}."
