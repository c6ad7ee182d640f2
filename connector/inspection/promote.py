"""Comparison of an orchestration under two targets: settings, problems and plans."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from connector.config.project import Project
from connector.config.setting_diff import setting_or_default
from connector.errors import ConfigurationError, ConnectorError, UsageError
from connector.inspection.plan import Plan, plan_orchestration
from connector.inspection.validate import validate_orchestrations


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that differs between two targets. Its texts contain no secret."""

    setting: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Side:
    """The plan of an orchestration under a target, or the problems that prevent it."""

    target: str
    plan: Plan | None
    """None if there are problems."""
    problems: list[str]
    error: ConnectorError | None
    """The error that was raised with the problems."""

    def as_json(self) -> dict[str, Any]:
        """Return the object that `connector promote --json` prints for a target."""
        return {
            "target": self.target,
            "plan": self.plan.as_json() if self.plan else None,
            "problems": self.problems,
        }


@dataclass(frozen=True, slots=True)
class Promotion:
    """An orchestration under two targets, compared without changing or sending anything."""

    orchestration: str
    differences: list[Difference]
    before: Side
    after: Side

    @property
    def command(self) -> str:
        """The command that runs the orchestration under the second target."""
        return f"connector run {self.orchestration} --target {self.after.target}"

    def as_json(self) -> dict[str, Any]:
        """Return the object that `connector promote --json` prints."""
        sides = {"from": self.before.as_json(), "to": self.after.as_json()}
        differences = [
            {"setting": difference.setting, "from": difference.before, "to": difference.after}
            for difference in self.differences
        ]
        return {"orchestration": self.orchestration, "differences": differences, **sides, "command": self.command}


def compare_targets(project: Project, name: str, before: str, after: str) -> Promotion:
    """Compare an orchestration under two targets. Reads the result of its query under both.

    Raises ConfigurationError if there is no such orchestration or target, UsageError if both targets are the same.
    """
    if before == after:
        raise UsageError(f'--from and --to are both "{before}": name two targets, of {", ".join(project.targets)}.')
    first, second = project.under(before), project.under(after)
    return Promotion(name, list(_differences(first, second, name)), _side(first, name), _side(second, name))


def _differences(first: Project, second: Project, name: str) -> Iterator[Difference]:
    before, after = first.settings_used(name), second.settings_used(name)
    for setting in dict.fromkeys([*before, *after]):
        old, new = setting_or_default(setting, before), setting_or_default(setting, after)
        if old.value != new.value:
            yield Difference(setting, old.text, new.text)


def _side(project: Project, name: str) -> Side:
    try:
        validate_orchestrations(project, [name], connect=False)
        return Side(project.target, plan_orchestration(project, name), [], None)
    except ConfigurationError as error:
        return Side(project.target, None, [str(problem) for problem in error.problems], error)
    except ConnectorError as error:
        return Side(project.target, None, [error.message], error)
