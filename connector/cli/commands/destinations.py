"""`connector destinations`: list the destinations, or test one."""

from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.completion import complete_destination
from connector.cli.console import GREEN, RED, YELLOW, out, out_json, say
from connector.cli.failures import FAILED, reported
from connector.cli.options import TargetOptions
from connector.cli.process import allow_closed_output
from connector.cli.tables import table
from connector.core.secret_registry import without_secrets

if TYPE_CHECKING:
    from connector.inspection.destination_tests import DestinationTest

DestinationArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The destination.", autocompletion=complete_destination)
]
CodeOption = Annotated[
    str | None,
    typer.Option(
        "--test-event-code", metavar="C", help="Also send one test event, with the code of the Test Events tab."
    ),
]


_COLOURS = {"passed": GREEN, "inconclusive": YELLOW, "failed": RED}

group = typer.Typer(help="List the destinations, or test one.", no_args_is_help=True, rich_markup_mode=None)


@group.command("list")
@reported
def list_(*, options: TargetOptions) -> None:
    """List the destinations, and where each sends to. Asks none of them."""
    opened = options.open_project()
    summaries = opened.destinations()
    if options.json_output:
        out_json({"target": opened.target, "destinations": [summary.as_json() for summary in summaries]})
        return
    heading = ("destination", "type", "goes to", "credential", "api_url", "account name")
    rows = [
        (
            summary.name,
            summary.type,
            summary.goes_to,
            summary.credential or "",
            summary.api_url,
            summary.destination_account_name or "-",
        )
        for summary in summaries
    ]
    for line in table([heading, *rows], drop=(5,) if all(row[5] == "-" for row in rows) else ()):
        out(line)


@group.command("test")
@reported
def test(name: DestinationArgument, test_event_code: CodeOption = None, *, options: TargetOptions) -> None:
    """Ask the destination whether it can be sent to: the token, the ad account, the event source, the folder."""
    allow_closed_output()
    result = options.open_project().test_destination(name, test_event_code=test_event_code)
    if options.json_output:
        out_json(result.as_json())
    else:
        _print_result(result)
    if result.outcome == "failed" or result.is_unreachable:
        raise typer.Exit(FAILED)


def _print_result(result: "DestinationTest") -> None:
    colours = [_COLOURS[check.outcome.value] for check in result.checks]
    for line in table(
        ((check.name, check.outcome.value, without_secrets(check.sentence)) for check in result.checks),
        keep=frozenset({0, 1}),
        style=lambda row, column: colours[row] if column == 1 else None,
    ):
        out(line)
    for change in result.changes:
        out(without_secrets(change))
    say(f"{result.destination}, target {result.target}, {result.api_url}: {result.outcome.value}.")
