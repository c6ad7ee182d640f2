"""Reloading of the project's files while `connector start` runs: the last valid ones count."""

from collections.abc import Mapping
from datetime import datetime
from itertools import chain
from pathlib import Path

from connector.config.project import Project, load_project
from connector.errors import ConfigurationError
from connector.scheduler.config_snapshot import FileStats, file_stats, path_stats, save_snapshot, snapshot_folder
from connector.scheduler.journal import Change, Journal
from connector.scheduler.schedule_plan import SchedulePlan, build_plan, differences


class ProjectWatcher:
    """The project and its plan.

    Raises ConfigurationError on creation if the project cannot be read, or no automatic orchestration can run.
    """

    def __init__(self, directory: Path, environ: Mapping[str, str], target: str | None, now: datetime) -> None:
        self._environ = environ
        self._stats = file_stats(directory)
        self.project: Project = load_project(directory, environ, target)
        self._stats = self._last_stats = {**self._stats, **_manifest_stats(self.project)}
        self.plan: SchedulePlan = build_plan(self.project, now)
        if self.plan.broken and not self.plan.automatic:
            raise ConfigurationError(list(dict.fromkeys(chain.from_iterable(self.plan.broken.values()))))
        self.is_rejected = False
        self.snapshot: Path = snapshot_folder(self.project.state_directory, self.project.target)
        """The folder of the copies."""

    def save_snapshot(self) -> None:
        """Copy the files as they are."""
        save_snapshot(self.project.directory, self.snapshot)

    def reload(self, now: datetime, journal: Journal) -> bool:
        """Load changed files and log the differences, or reject them and log why. Return whether any were loaded.

        Files are read once two ticks have found them alike: until then somebody is writing them.
        """
        stats = {**file_stats(self.project.directory), **_manifest_stats(self.project)}
        is_stable, self._last_stats = stats == self._last_stats, stats
        if stats == self._stats or not is_stable:
            return False
        manifest = _manifest_stats(self.project).keys()
        is_manifest = {path for path, _ in set(stats.items()) ^ set(self._stats.items())} <= manifest
        self._stats = stats
        try:
            project = load_project(self.project.directory, self._environ, self.project.target)
            new_plan = build_plan(project, now)
            self._check_newly_broken(new_plan)
        except ConfigurationError as error:
            self.is_rejected = True
            for problem in error.problems:
                journal(Change.REFUSED, problem=problem)
            return False
        for difference in [*differences(self.plan, new_plan)] or (
            [] if is_manifest else ["nothing that runs by itself"]
        ):
            journal(Change.CHANGED, what=difference)
        for name in sorted(new_plan.forbidden - self.plan.forbidden):
            journal(Change.REFUSED, orchestration=name, problem=new_plan.broken[name][0])
        self.project, self.plan, self.is_rejected = project, new_plan, False
        self.save_snapshot()
        return True

    def _check_newly_broken(self, new_plan: SchedulePlan) -> None:
        """Raise ConfigurationError if an orchestration that could run so far, or did not exist, cannot run.

        Roles that no longer allow an orchestration take effect at once.
        """
        broken = new_plan.broken.keys() - self.plan.broken.keys() - new_plan.forbidden
        problems = [new_plan.broken[name] for name in new_plan.orchestrations if name in broken]
        if problems:
            raise ConfigurationError(list(dict.fromkeys(chain.from_iterable(problems))))


def _manifest_stats(project: Project) -> FileStats:
    """Return the stats of the manifest of dbt, which decides what queries read; none if the project has none."""
    try:
        settings = project.dbt
    except ConfigurationError:
        return {}
    return path_stats([settings.manifest]) if settings else {}
