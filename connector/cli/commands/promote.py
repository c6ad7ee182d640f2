"""`connector promote`: an orchestration under two targets, side by side."""

from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.console import out, out_json, say, table
from connector.cli.failures import reported
from connector.cli.options import DebugOption, JsonOption, NameArgument, ProjectOption, open_project

if TYPE_CHECKING:
    from connector.inspection.plan import Plan
    from connector.inspection.promote import Promotion

FromOption = Annotated[str, typer.Option("--from", metavar="T", help="The target to compare from.")]
ToOption = Annotated[str, typer.Option("--to", metavar="T", help="The target to compare with.")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("promote")(promote)


@reported
def promote(
    name: NameArgument,
    from_: FromOption = "sandbox",
    to: ToOption = "production",
    project: ProjectOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Compare an orchestration under two targets: settings, problems and plans. Changes and sends nothing.

    The last line is the command that runs the orchestration under the second target.
    """
    from connector.inspection.promote import compare_targets

    compared = compare_targets(open_project(project), name, from_, to)
    if json_output:
        out_json(compared.as_json())
    else:
        _tell(compared)
    if compared.after.error:
        raise typer.Exit(compared.after.error.exit_code)


def _tell(compared: "Promotion") -> None:
    before, after = compared.before, compared.after
    heading = ("setting", before.target, after.target)
    rows = [(one.setting, one.before, one.after) for one in compared.differences]
    for line in table([heading, *rows]) if rows else [f"{before.target} and {after.target} do not differ."]:
        out(line)
    out()
    counts = [(label, *cells) for label, *cells in zip(_LABELS, _counts(before.plan), _counts(after.plan), strict=True)]
    for line in table([("plan", before.target, after.target), *counts], right=frozenset({1, 2})):
        out(line)
    for side in (before, after):
        for problem in side.problems:
            say(f"{side.target}: {problem}")
    if after.error:
        say(f"Nothing was changed or sent. Under the target {after.target} it cannot run yet.")
    else:
        say(f"Nothing was changed or sent. To run it: {compared.command}")


_LABELS = ("rows read", "rows to send", "rows rejected", "rows skipped", "events", "requests")


def _counts(plan: "Plan | None") -> list[str]:
    if plan is None:
        return ["-" for _ in _LABELS]
    rejected, skipped = sum(plan.rejects.values()), sum(plan.skips.values())
    return [f"{count:,}" for count in (plan.read, plan.to_send, rejected, skipped, plan.events, plan.requests)]
