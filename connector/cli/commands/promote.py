"""`connector promote`: compare an orchestration under two targets."""

from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.completion import complete_target
from connector.cli.console import out, out_json, say
from connector.cli.failures import reported
from connector.cli.options import JsonOptions, NameArgument
from connector.cli.tables import table
from connector.core.secret_registry import without_secrets

if TYPE_CHECKING:
    from connector.inspection.plan import Plan
    from connector.inspection.promote import Promotion

FromOption = Annotated[
    str, typer.Option("--from", metavar="T", help="The target to compare from.", autocompletion=complete_target)
]
ToOption = Annotated[
    str, typer.Option("--to", metavar="T", help="The target to compare with.", autocompletion=complete_target)
]


@reported
def promote(
    name: NameArgument, from_: FromOption = "sandbox", to: ToOption = "production", *, options: JsonOptions
) -> None:
    """Compare an orchestration under two targets: settings, problems and plans. Changes and sends nothing.

    The last line is the command that runs the orchestration under the second target.
    """
    promotion = options.open_project().promote(name, from_, to)
    if options.json_output:
        out_json(promotion.as_json())
    else:
        _print_promotion(promotion)
    if promotion.after.error:
        raise typer.Exit(promotion.after.error.exit_code)


def _print_promotion(promotion: "Promotion") -> None:
    before, after = promotion.before, promotion.after
    heading = ("setting", before.target, after.target)
    rows = [(change.setting, *map(without_secrets, (change.before, change.after))) for change in promotion.differences]
    for line in table([heading, *rows]) if rows else [f"{before.target} and {after.target} do not differ."]:
        out(line)
    out()
    counts = [(label, *cells) for label, *cells in zip(_LABELS, _counts(before.plan), _counts(after.plan), strict=True)]
    for line in table([("plan", before.target, after.target), *counts], right=frozenset({1, 2}), cut=(1, 2)):
        out(line)
    for side in (before, after):
        for problem in side.problems:
            say(f"{side.target}: {problem}")
    if after.error:
        say(f"Nothing was changed or sent. Under the target {after.target} it cannot run yet.")
    else:
        say(f"Nothing was changed or sent. To run it: {promotion.command}")


_LABELS = ("rows read", "rows to send", "rows rejected", "rows skipped", "events", "requests")


def _counts(plan: "Plan | None") -> list[str]:
    if plan is None:
        return ["-" for _ in _LABELS]
    rejected, skipped = sum(plan.rejects.values()), sum(plan.skips.values())
    return [f"{count:,}" for count in (plan.read, plan.to_send, rejected, skipped, plan.events, plan.requests)]
