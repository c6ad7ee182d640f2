"""The plan of automatic orchestrations of a project, and how it differs from the previous one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.config.schedule import Schedule
from connector.errors import AccessRefused, ConfigurationError, Problem
from connector.notifications.notifier import check_notifications
from connector.privacy.access import check_access
from connector.queries.query_template import RunVariables
from connector.runs.job import prepare


@dataclass(frozen=True, slots=True)
class ScheduledOrchestration:
    """An automatic orchestration."""

    orchestration: Orchestration
    schedule: Schedule
    fingerprint: str
    """Changes with its query and its template."""


@dataclass(frozen=True, slots=True)
class SchedulePlan:
    """The orchestrations of a project."""

    orchestrations: Mapping[str, ScheduledOrchestration | None]
    """Every orchestration by name; None for manual and broken ones."""
    broken: Mapping[str, Sequence[Problem]]
    """The problems of automatic orchestrations that cannot run."""
    forbidden: frozenset[str] = frozenset()
    """Those of the broken that this user's roles do not allow."""

    @property
    def automatic(self) -> dict[str, ScheduledOrchestration]:
        """The orchestrations that run on a schedule."""
        return {name: entry for name, entry in self.orchestrations.items() if entry}

    @property
    def schedules(self) -> dict[str, Schedule]:
        """Their schedules."""
        return {name: entry.schedule for name, entry in self.automatic.items()}


def build_plan(project: Project, now: datetime) -> SchedulePlan:
    """Check each automatic orchestration by itself; a broken one does not affect others."""
    orchestrations: dict[str, ScheduledOrchestration | None] = {}
    broken: dict[str, Sequence[Problem]] = {}
    forbidden: set[str] = set()
    for name in project.orchestrations:
        try:
            orchestrations[name] = _scheduled_orchestration(project, name, now) if project.is_automatic(name) else None
        except ConfigurationError as error:
            orchestrations[name], broken[name] = None, error.problems
        except AccessRefused as error:
            orchestrations[name], broken[name] = None, [Problem(error.message)]
            forbidden.add(name)
    return SchedulePlan(orchestrations, broken, frozenset(forbidden))


def _scheduled_orchestration(project: Project, name: str, now: datetime) -> ScheduledOrchestration:
    job = prepare(project, name, RunVariables(started_at=now))
    schedule = job.orchestration.schedule
    if schedule is None:
        raise ConfigurationError(f'The orchestration "{name}" is automatic and has no schedule.')
    check_notifications(project, [name])
    check_access(project, "start", name)
    return ScheduledOrchestration(job.orchestration, schedule, job.fingerprint)


def differences(before: SchedulePlan, after: SchedulePlan) -> Iterator[str]:
    """Describe the differences, one orchestration at a time."""
    for name in before.orchestrations.keys() - after.orchestrations.keys():
        yield f"{name} is gone"
    for name, current in after.orchestrations.items():
        if name not in before.orchestrations:
            yield f"{name} is new" + (f" and automatic ({current.schedule})" if current else "")
        elif name in after.forbidden - before.forbidden:
            yield f"{name} may not be run any more"
        else:
            yield from _describe_difference(name, before.orchestrations[name], current)


def _describe_difference(
    name: str, before: ScheduledOrchestration | None, after: ScheduledOrchestration | None
) -> Iterator[str]:
    if before is None and after is not None:
        yield f"{name} is automatic now ({after.schedule})"
    elif before is not None and after is None:
        yield f"{name} is manual now"
    elif before is not None and after is not None and before.schedule != after.schedule:
        yield f"{name} runs {after.schedule} now, before {before.schedule}"
    elif before is not None and after is not None and before != after:
        keys = _changed_keys(before.orchestration, after.orchestration) or ["its query or template"]
        yield f"{name} has changed: {', '.join(keys)}"


def _changed_keys(before: Orchestration, after: Orchestration) -> list[str]:
    keys = type(after).model_fields
    return [key for key in keys if not key.endswith("_path") and getattr(before, key) != getattr(after, key)]
