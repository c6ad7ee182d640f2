"""An orchestration under two targets, side by side: what differs, what is wrong, what each would do."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from connector.config.project import Project
from connector.config.setting_diff import default_of
from connector.errors import ConfigurationError, ConnectorError, UsageError
from connector.inspection.plan import Plan, plan_orchestration
from connector.inspection.validate import validate_orchestrations


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting, and how it stands under each target; secrets are not shown."""

    setting: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Side:
    """What an orchestration would do under a target; or else the problems, and the error that they are."""

    target: str
    plan: Plan | None
    problems: list[str]
    error: ConnectorError | None

    def as_json(self) -> dict[str, Any]:
        """The object that `connector promote --json` prints for it."""
        return {
            "target": self.target,
            "plan": self.plan.as_json() if self.plan else None,
            "problems": self.problems,
        }


@dataclass(frozen=True, slots=True)
class Promotion:
    """Both sides; nothing was changed and nothing sent."""

    orchestration: str
    differences: list[Difference]
    before: Side
    after: Side

    @property
    def command(self) -> str:
        """What to type to run the orchestration under the target that it is to be promoted to."""
        return f"connector run {self.orchestration} --target {self.after.target}"

    def as_json(self) -> dict[str, Any]:
        """The object that `connector promote --json` prints."""
        sides = {"from": self.before.as_json(), "to": self.after.as_json()}
        differences = [{"setting": one.setting, "from": one.before, "to": one.after} for one in self.differences]
        return {"orchestration": self.orchestration, "differences": differences, **sides, "command": self.command}


def compare_targets(project: Project, name: str, before: str, after: str) -> Promotion:
    """Compares an orchestration under two targets; the result of its query is read under both.

    Raises ConfigurationError where there is no such orchestration or target, UsageError where both are the same.
    """
    if before == after:
        raise UsageError(f'--from and --to are both "{before}": name two targets, of {", ".join(project.targets)}.')
    first, second = project.under(before), project.under(after)
    return Promotion(name, list(_differences(first, second, name)), _side(first, name), _side(second, name))


def _differences(first: Project, second: Project, name: str) -> Iterator[Difference]:
    before, after = first.settings_used(name), second.settings_used(name)
    for setting in dict.fromkeys([*before, *after]):
        one, other = default_of(setting, before), default_of(setting, after)
        if one.value != other.value:
            yield Difference(setting, one.shown, other.shown)


def _side(project: Project, name: str) -> Side:
    try:
        validate_orchestrations(project, [name], connect=False)
        return Side(project.target, plan_orchestration(project, name), [], None)
    except ConfigurationError as error:
        return Side(project.target, None, [str(problem) for problem in error.problems], error)
    except ConnectorError as error:
        return Side(project.target, None, [error.message], error)
