"""Open the project of a run in a task, on whatever machine it runs.

A task is told names and numbers only. It reads the project, and its secrets, from the files and the environment of its
own node, and everything that counts from the ledger.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from pathlib import Path
from traceback import extract_tb
from typing import ParamSpec, TypeVar

from connector.config.engine import ONE_MACHINE
from connector.config.project import Project, load_project
from connector.config.project_files import FILE
from connector.core.version import DISTRIBUTION, __version__
from connector.destinations.context import RunContext
from connector.errors import ConfigurationError, ConnectorError, CorruptStage, LockedError, ResumableError
from connector.ledger.ledger import Ledger, open_ledger
from connector.ledger.run_records import RunRecord
from connector.runs.job import Job, current_job
from connector.runs.opted_out import OPTED_OUT
from connector.runs.result import TransformCache
from connector.staging.shared_stage import refuse_unmarked, shared_stage
from connector.staging.storage.shared_folder import SharedFolder, link
from connector.staging.storage.temporary_folder import temporary_folder

Given = ParamSpec("Given")
Returned = TypeVar("Returned")


def task(function: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Let a function run on other machines: Ray writes its errors to files, so that they must not quote a value.

    An unexpected error is raised as a ResumableError with its type and place.
    """

    @wraps(function)
    def run(*args: Given.args, **kwargs: Given.kwargs) -> Returned:
        try:
            return function(*args, **kwargs)
        except ConnectorError as error:
            # What caused it may quote values, and would be part of the stack trace.
            raise error from None
        except Exception as error:
            raise ResumableError(f"A task failed: {_unexpected(error)} `connector resume` goes on.") from None

    return run


def _unexpected(error: Exception) -> str:
    """Describe a system error in its words, and any other by its type and place: its text may quote somebody's data."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}."
    place = extract_tb(error.__traceback__)[-1]
    return f"unexpected {type(error).__name__} in {Path(place.filename).name}, line {place.lineno}."


@dataclass(frozen=True, slots=True)
class RunName:
    """The run that a task works for: the only thing that it is told of it."""

    project: str
    """The folder of the project, which each node has at the same path."""
    target: str
    run_id: str
    driver: str
    """The unique id of the lock of the process that drives the run: tasks of an earlier one take no leases."""

    version: str = __version__
    """The version of the distribution that drives the run."""

    @classmethod
    def of(cls, context: RunContext, run_id: str) -> "RunName":
        """Return the name of a run that this process drives."""
        return cls(str(context.project.directory), context.project.target, run_id, context.lock.holder)


@dataclass(frozen=True, slots=True)
class Worker:
    """A run, as a task sees it."""

    project: Project
    ledger: Ledger
    record: RunRecord
    job: Job
    shared: SharedFolder
    """The shared folder of the run."""
    driver: str
    """See `RunName.driver`."""
    stop: threading.Event
    """Set when the task must end."""
    transforms: TransformCache
    """The transform that an earlier task of this process has compiled."""

    @property
    def lease_seconds(self) -> float:
        """The term of a lease."""
        return self.project.engine(self.record.engine or "").lease_seconds

    @contextmanager
    def stage_folder(self) -> Iterator[Path]:
        """Yield a folder on this node through which the shared stage is read; it is deleted afterwards."""
        with temporary_folder() as folder:
            link(folder, self.shared)
            yield folder

    @contextmanager
    def opted_out(self) -> Iterator[Path | None]:
        """Yield a copy on this node of the file of people who are not sent; None if the run has none."""
        if self.job.opt_out is None:
            yield None
            return
        with temporary_folder() as folder:
            file = folder / OPTED_OUT
            if not self.shared.fetch(OPTED_OUT, file):
                raise CorruptStage(f"{self.shared}/{OPTED_OUT} is missing")
            yield file

    @property
    def host(self) -> str:
        """The name of this node."""
        return socket.gethostname()


@dataclass(slots=True)
class _OpenProject:
    """The objects that a process keeps for its next tasks; opening them takes as long as reading 30,000 rows."""

    name: RunName
    project: Project
    ledger: Ledger
    transforms: TransformCache = field(default_factory=TransformCache)
    _job: Job | None = None

    @classmethod
    def of(cls, name: RunName) -> "_OpenProject":
        """Open the project and the ledger of a run."""
        project = load_project(Path(name.project), os.environ, name.target).with_engine(ONE_MACHINE)
        return cls(name, project, open_ledger(project.ledger_url, worker=True))

    def job(self, record: RunRecord) -> Job:
        """Return what `job_of_run` does."""
        if self._job is None or self._job.fingerprint != record.fingerprint:
            self._job = job_of_run(self.project, record, self.ledger)
            self.transforms.close()
            self.transforms = TransformCache()
        return self._job

    def close(self) -> None:
        """Close all connections."""
        self.transforms.close()
        self.ledger.close()


_kept: list[_OpenProject] = []
"""That of the last task of this process, which ends with the command that drives the run; at most one."""


def _opened(name: RunName) -> _OpenProject:
    if not (_kept and _kept[0].name == name):
        close_kept()
        _kept.append(_OpenProject.of(name))
    return _kept[0]


def close_kept() -> None:
    """Close what this process keeps for further tasks of a run."""
    while _kept:
        _kept.pop().close()


@contextmanager
def open_worker(name: RunName) -> Iterator[Worker]:
    """Open the project and the ledger of a run, unless an earlier task of it has opened them in this process.

    They are closed if the block fails. Raises ConfigurationError if the project or the stage of this node is another
    one than that of the driver. Errors that other nodes need not have name this node.
    """
    with node_named():
        _refuse_other_version(name.version)
        _refuse_missing_project(Path(name.project))
        opened = _opened(name)
    try:
        with node_named():
            ledger = opened.ledger
            record = ledger.runs.get(name.run_id)
            job, shared = opened.job(record), shared_stage(record)
            refuse_unmarked(shared)
            stop = threading.Event()
            worker = Worker(opened.project, ledger, record, job, shared, name.driver, stop, opened.transforms)
        yield worker
    except BaseException:
        close_kept()
        raise


@contextmanager
def node_named() -> Iterator[None]:
    """Begin the message of an error with the name of this node."""
    try:
        yield
    except LockedError:
        raise
    except ConnectorError as error:
        if socket.gethostname() not in error.message:
            error.args = (f"On node {socket.gethostname()}: {error.message}",)
        raise


def _refuse_other_version(version: str) -> None:
    if version != __version__:
        raise ConfigurationError(
            f"This node has version {__version__} of {DISTRIBUTION}, the process that drives the run has {version}: "
            "install the same version on every node."
        )


def _refuse_missing_project(directory: Path) -> None:
    if not (directory / FILE).exists():
        raise ConfigurationError(
            f"There is no project in {directory}: every node needs it at the path that it has where the run started."
        )


def job_of_run(project: Project, record: RunRecord, ledger: Ledger) -> Job:
    """Return the job of a run, which is the same in every process: its time is that of the run's start.

    Raises ConfigurationError if the orchestration is not what it was when the run started.
    """
    started_at = datetime.fromisoformat(record.started_at)
    job = current_job(project, record.orchestration, ledger, started_at=started_at, of_run=record)
    if job.fingerprint != record.fingerprint:
        raise ConfigurationError(
            f'"{record.orchestration}" is not the same on {socket.gethostname()} as where run {record.run_id} started: '
            "put the same project on every node."
        )
    return job
