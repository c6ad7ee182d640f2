"""`connector destinations`: what there is to send to, and whether it can be sent to."""

from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.console import out, out_json, say, table
from connector.cli.failures import FAILED, reported
from connector.cli.options import DebugOption, JsonOption, ProjectOption, TargetOption, open_project

if TYPE_CHECKING:
    from connector.inspection.destinations import DestinationTest

DestinationArgument = Annotated[str, typer.Argument(metavar="NAME", help="The destination.")]
CodeOption = Annotated[
    str | None,
    typer.Option(
        "--test-event-code", metavar="C", help="Also send one test event, with the code of the Test Events tab."
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    destinations = typer.Typer(help="List the destinations, or test one.", no_args_is_help=True, rich_markup_mode=None)
    destinations.command("list")(list_)
    destinations.command("test")(test)
    app.add_typer(destinations, name="destinations")


@reported
def list_(
    project: ProjectOption = None,
    target: TargetOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the destinations, and where each sends to. Does not ask TikTok."""
    from connector.inspection.destinations import list_destinations

    opened = open_project(project, target)
    listed = list_destinations(opened)
    if json_output:
        out_json({"target": opened.target, "destinations": [one.as_json() for one in listed]})
        return
    heading = ("destination", "type", "goes to", "credential", "api_url", "account name")
    rows = [
        (one.name, one.type, one.goes_to, one.credential or "", one.api_url, one.destination_account_name or "-")
        for one in listed
    ]
    for line in table([heading, *rows]):
        out(line)


@reported
def test(
    name: DestinationArgument,
    test_event_code: CodeOption = None,
    project: ProjectOption = None,
    target: TargetOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Ask TikTok whether the token, the ad account and the event source are right, and whether the token may write."""
    from connector.inspection.destinations import run_destination_test

    tested = run_destination_test(open_project(project, target), name, test_event_code)
    if json_output:
        out_json(tested.as_json())
    else:
        _tell(tested)
    if tested.outcome == "failed":
        raise typer.Exit(FAILED)


def _tell(tested: "DestinationTest") -> None:
    for line in table((one.name, one.outcome.value, one.sentence) for one in tested.checks):
        out(line)
    for change in tested.changes:
        out(change)
    say(f"{tested.destination}, target {tested.target}, {tested.api_url}: {tested.outcome.value}.")
