"""What a project would have run by itself, and how that differs from what it was before."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connector.config.orchestration import Orchestration
from connector.config.project import Project
from connector.config.schedule import Schedule
from connector.errors import AccessRefused, ConfigurationError, Problem
from connector.notifications.check import check_notifications
from connector.pipeline.access import check_access
from connector.pipeline.audience_job import is_audience, prepare_audience
from connector.pipeline.prepare import prepare
from connector.queries.render import RunContext


@dataclass(frozen=True, slots=True)
class Planned:
    """An automatic orchestration; `fingerprint` differs once its query or template does."""

    orchestration: Orchestration
    schedule: Schedule
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Every orchestration of a project by name; None for those that are started by hand.

    `broken` are those that may be automatic and cannot run, each with its problems; they are None as well.
    """

    orchestrations: Mapping[str, Planned | None]
    broken: Mapping[str, Sequence[Problem]]
    forbidden: frozenset[str] = frozenset()
    """Those of the broken that the roles do not let this user run."""

    @property
    def automatic(self) -> dict[str, Planned]:
        """Those that run by their schedules."""
        return {name: planned for name, planned in self.orchestrations.items() if planned}

    @property
    def schedules(self) -> dict[str, Schedule]:
        """When they do."""
        return {name: planned.schedule for name, planned in self.automatic.items()}


def plan(project: Project, now: datetime) -> Plan:
    """Checks each orchestration that would run by itself; what is wrong with one concerns no other."""
    found: dict[str, Planned | None] = {}
    broken: dict[str, Sequence[Problem]] = {}
    forbidden: set[str] = set()
    for name in project.orchestrations:
        try:
            found[name] = _planned(project, name, now) if project.is_automatic(name) else None
        except ConfigurationError as error:
            found[name], broken[name] = None, error.problems
        except AccessRefused as error:
            found[name], broken[name] = None, [Problem(error.message)]
            forbidden.add(name)
    return Plan(found, broken, frozenset(forbidden))


def _planned(project: Project, name: str, now: datetime) -> Planned:
    run = RunContext(started_at=now)
    job = prepare_audience(project, name, run) if is_audience(project, name) else prepare(project, name, run)
    schedule = job.orchestration.schedule
    if schedule is None:
        raise ConfigurationError(f'The orchestration "{name}" is automatic and has no schedule.')
    check_notifications(project, [name])
    check_access(project, "start", name)
    return Planned(job.orchestration, schedule, job.fingerprint)


def differences(before: Plan, after: Plan) -> Iterator[str]:
    """What is otherwise, one orchestration at a time."""
    for name in before.orchestrations.keys() - after.orchestrations.keys():
        yield f"{name} is gone"
    for name, now in after.orchestrations.items():
        if name not in before.orchestrations:
            yield f"{name} is new" + (f" and automatic ({now.schedule})" if now else "")
        elif name in after.forbidden - before.forbidden:
            yield f"{name} may not be run any more"
        else:
            yield from _difference(name, before.orchestrations[name], now)


def _difference(name: str, before: Planned | None, after: Planned | None) -> Iterator[str]:
    if before is None and after is not None:
        yield f"{name} is automatic now ({after.schedule})"
    elif before is not None and after is None:
        yield f"{name} is manual now"
    elif before is not None and after is not None and before.schedule != after.schedule:
        yield f"{name} runs {after.schedule} now, before {before.schedule}"
    elif before is not None and after is not None and before != after:
        what = _changed_keys(before.orchestration, after.orchestration) or ["its query or template"]
        yield f"{name} has changed: {', '.join(what)}"


def _changed_keys(before: Orchestration, after: Orchestration) -> list[str]:
    keys = type(after).model_fields
    return [key for key in keys if not key.endswith("_path") and getattr(before, key) != getattr(after, key)]
