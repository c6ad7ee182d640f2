"""Notice that dbt has built what orchestrations read that run after it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from connector.config.dbt import DBT, DbtSettings
from connector.config.project import Project
from connector.errors import ConfigurationError, ModelNotReady
from connector.queries.dbt_manifest import load_manifest
from connector.queries.query_template import RunVariables
from connector.runs.dbt_builds import FRESHNESS, RESULTS, DbtBuilds, load_builds
from connector.runs.job import DBT_MANIFEST, prepare
from connector.scheduler.config_snapshot import FileStats, path_stats
from connector.scheduler.schedule_plan import SchedulePlan
from connector.scheduler.schedule_tracker import builds_of


@dataclass(frozen=True, slots=True)
class DbtHold:
    """An orchestration that does not run, although dbt has ended."""

    orchestration: str
    reason: str
    since: datetime


@dataclass
class DbtWatcher:
    """Reads what dbt has written, when it has changed."""

    completed: dict[str, datetime] = field(default_factory=dict)
    """The last build of what an orchestration reads, by `builds_of` its name."""
    _holds: dict[str, DbtHold] = field(default_factory=dict)
    """The last hold of each orchestration, which is yielded once."""
    _stats: FileStats | None = None
    _plan: SchedulePlan | None = None

    def look(self, project: Project, plan: SchedulePlan, now: datetime) -> Iterator[DbtHold]:
        """Read changed files of dbt into `completed`, and yield what is held back since."""
        settings = project.dbt
        if settings is None:
            return
        stats = path_stats(_files(settings))
        if stats == self._stats and plan is self._plan:
            return
        self._stats, self._plan = stats, plan
        names = [name for name, schedule in plan.schedules.items() if schedule.after == DBT]
        try:
            builds = load_builds(settings, load_manifest(settings.manifest, project.location(*DBT_MANIFEST)))
        except (ConfigurationError, ModelNotReady):
            return  # The files are not whole yet; they will change again.
        for name in names:
            yield from self._look_at(project, name, builds, now)

    def _look_at(self, project: Project, name: str, builds: DbtBuilds, now: datetime) -> Iterator[DbtHold]:
        try:
            models = prepare(project, name, RunVariables(now)).models
        except ConfigurationError:
            return  # Reloading the files reports it.
        built_at = builds.built_at(models)
        if built_at is None:
            return
        if reason := builds.hold(models, now) if models else builds.first_failure():
            hold = DbtHold(name, reason, built_at)
            if self._holds.get(name) != hold:
                yield hold
            self._holds[name] = hold
        else:
            self.completed[builds_of(name)] = built_at


def _files(settings: DbtSettings) -> list[Path]:
    folder = settings.manifest.parent
    return [settings.manifest, folder / RESULTS, folder / FRESHNESS]
