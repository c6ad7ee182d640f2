"""The project as its files are now, or as they were when they were last valid."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from connector.config.project import Project, load_project
from connector.config.project_files import FILE
from connector.errors import ConfigurationError, Problem


@dataclass(frozen=True, slots=True)
class ProjectState:
    """The project that pages show."""

    project: Project
    """The project as it was last valid."""
    read_at: datetime
    """When it was read."""
    problems: tuple[Problem, ...] = ()
    """The problems of the file as it is now; empty if it is valid."""

    def under(self, target: str | None) -> Project:
        """Return the project under a target; None: the one of the file. Raises ConfigurationError."""
        return self.project.under(target) if target else self.project


class ProjectSource:
    """Reads `orchestrations.yaml` again when it has changed; safe to use from several threads."""

    def __init__(self, directory: Path, environ: Mapping[str, str], target: str | None = None) -> None:
        """Read the project, if the folder has one. Raises ConfigurationError if it is not valid now."""
        self.directory, self._environ, self._target = directory.absolute(), environ, target
        self._lock = Lock()
        self._state: ProjectState | None = None
        self._version: tuple[int, int, int] | None = None
        if any(not entry.name.startswith(".") for entry in self.directory.iterdir()):
            self.state()

    @property
    def is_empty(self) -> bool:
        """True as long as the folder has no project; the page /start makes one."""
        return self._state is None and not (self.directory / FILE).exists()

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment that settings are filled in from."""
        return self._environ

    def state(self) -> ProjectState:
        """Return the project; read it again if its file has changed.

        Raises ConfigurationError if it was never valid.
        """
        with self._lock:
            version = _version(self.directory / FILE)
            if self._state is None or version != self._version:
                self._state, self._version = self._read(), version
            return self._state

    def _read(self) -> ProjectState:
        try:
            project = load_project(self.directory, self._environ, self._target)
        except ConfigurationError as error:
            if self._state is None:
                raise
            return ProjectState(self._state.project, self._state.read_at, tuple(error.problems))
        return ProjectState(project, datetime.now(UTC))


def _version(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
