"""`connector validate`: everything that can be known without sending."""

from typing import Annotated

import typer

from connector.cli.console import out, out_json, say, table
from connector.cli.failures import reported
from connector.cli.options import DebugOption, JsonOption, ProjectOption, TargetOption, open_project

NameOrAll = Annotated[str | None, typer.Argument(metavar="[NAME]", help="The orchestration (default: all).")]
ConnectOption = Annotated[
    bool,
    typer.Option(
        "--connect", help="Also ask the warehouse for the columns, and TikTok for event sets that have only a name."
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("validate")(validate)


@reported
def validate(
    name: NameOrAll = None,
    connect: ConnectOption = False,
    project: ProjectOption = None,
    target: TargetOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Check the project's files and list every mistake. Opens no connection without --connect."""
    from connector.inspection.validate import validate_orchestrations
    from connector.notifications.notifier import check_notifications

    opened = open_project(project, target)
    names = [name] if name else list(opened.orchestrations)
    checked = validate_orchestrations(opened, names, connect=connect)
    check_notifications(opened, names)
    if json_output:
        out_json({"target": opened.target, "orchestrations": [one.as_json() for one in checked]})
        return
    for one in checked:
        what = "an audience in" if one.event_source == "audience" else f"{one.event_source} events to"
        out(f"{one.name}: ok ({what} {one.destination}, target {opened.target})")
        for change in one.changes:
            say(change)
    for warning in dict.fromkeys(warning for one in checked for warning in one.warnings):
        say(warning)
    if name:
        heading = ("parameter", "from the column" if connect else "accepted columns", "goes to", "rule")
        for line in table([heading, *checked[0].parameters]):
            out("  " + line)
        for note in checked[0].notes:
            say(note)
    elif not connect:
        say("The warehouses were not asked; `connector validate --connect` checks the columns too.")
