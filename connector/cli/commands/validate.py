"""`connector validate`: check the project's files and list every mistake."""

from typing import Annotated

import typer

from connector.cli.console import Level, out, out_json, say, table
from connector.cli.failures import reported
from connector.cli.options import TargetOptions

NameOrAll = Annotated[str | None, typer.Argument(metavar="[NAME]", help="The orchestration (default: all).")]
ConnectOption = Annotated[
    bool,
    typer.Option(
        "--connect", help="Also ask the warehouse for the columns, and TikTok for event sets that have only a name."
    ),
]


@reported
def validate(name: NameOrAll = None, connect: ConnectOption = False, *, options: TargetOptions) -> None:
    """Check the project's files and list every mistake. Opens no connection without --connect."""
    from connector.notifications.notifier import check_notifications

    opened = options.open_project()
    names = [name] if name else list(opened.orchestrations)
    results = opened.validate(*names, connect=connect)
    check_notifications(opened.settings, names)
    if options.json_output:
        out_json({"target": opened.target, "orchestrations": [result.as_json() for result in results]})
        return
    for result in results:
        content = "an audience in" if result.event_source == "audience" else f"{result.event_source} events to"
        out(f"{result.name}: ok ({content} {result.destination}, target {opened.target})")
        for change in result.changes:
            say(change)
    for warning in dict.fromkeys(warning for result in results for warning in result.warnings):
        say(warning, Level.WARNING)
    if name:
        heading = ("parameter", "from the column" if connect else "accepted columns", "goes to", "rule")
        for line in table([heading, *results[0].parameters]):
            out("  " + line)
        for note in results[0].notes:
            say(note)
    elif not connect:
        say("The warehouses were not asked; `connector validate --connect` checks the columns too.")
