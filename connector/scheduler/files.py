"""The project's files as they are while `connector start` goes on: the last that were good count."""

from collections.abc import Mapping
from datetime import datetime
from itertools import chain
from pathlib import Path

from connector.config.project import Project, load_project
from connector.errors import ConfigurationError
from connector.scheduler.journal import Change, Journal
from connector.scheduler.plan import Plan, differences, plan
from connector.scheduler.saved import keep, kept_in, state_of


class Files:
    """The project and its plan.

    Raises ConfigurationError, when made, where the project cannot be read, or nothing automatic is left that could run.
    """

    def __init__(self, directory: Path, environ: Mapping[str, str], target: str | None, now: datetime) -> None:
        self._environ = environ
        self._state = state_of(directory)
        self._seen = self._state
        self.project: Project = load_project(directory, environ, target)
        self.plan: Plan = plan(self.project, now)
        if self.plan.broken and not self.plan.automatic:
            raise ConfigurationError(list(dict.fromkeys(chain.from_iterable(self.plan.broken.values()))))
        self.refused = False
        self.kept: Path = kept_in(self.project.state_directory, self.project.target)
        """Where copies are, once they are kept, of the files that are gone by."""

    def keep(self) -> None:
        """Keeps copies of the files as they are."""
        keep(self.project.directory, self.kept)

    def reread(self, now: datetime, journal: Journal) -> bool:
        """Takes changed files, and says what is otherwise; or refuses them, and says why. Says whether it took any.

        Files are looked at once two looks have found them alike: until then somebody is writing them.
        """
        state = state_of(self.project.directory)
        at_rest, self._seen = state == self._seen, state
        if state == self._state or not at_rest:
            return False
        self._state = state
        try:
            project = load_project(self.project.directory, self._environ, self.project.target)
            found = plan(project, now)
            self._refuse_newly_broken(found)
        except ConfigurationError as error:
            self.refused = True
            for problem in error.problems:
                journal(Change.REFUSED, problem=problem)
            return False
        for what in [*differences(self.plan, found)] or ["nothing that runs by itself"]:
            journal(Change.CHANGED, what=what)
        for name in sorted(found.forbidden - self.plan.forbidden):
            journal(Change.REFUSED, orchestration=name, problem=found.broken[name][0])
        self.project, self.plan, self.refused = project, found, False
        self.keep()
        return True

    def _refuse_newly_broken(self, found: Plan) -> None:
        """Raises ConfigurationError where an orchestration that could run so far, or was not there, no longer can.

        Roles that no longer allow it count at once.
        """
        broken = found.broken.keys() - self.plan.broken.keys() - found.forbidden
        newly = [found.broken[name] for name in found.orchestrations if name in broken]
        if newly:
            raise ConfigurationError(list(dict.fromkeys(chain.from_iterable(newly))))
