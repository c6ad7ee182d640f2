"""`connector preview`: the payloads as TikTok would get them."""

import json
from typing import Annotated

import typer

from connector.cli.console import added_value, out, out_json, pluralize, say
from connector.cli.failures import reported
from connector.cli.options import (
    DebugOption,
    JsonOption,
    NameArgument,
    ProjectOption,
    TargetOption,
    open_project,
)

RowsOption = Annotated[
    int,
    typer.Option("--rows", metavar="N", min=1, help="How many events or people to show, and how many excluded rows."),
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("preview")(preview)


@reported
def preview(
    name: NameArgument,
    rows: RowsOption = 5,
    project: ProjectOption = None,
    target: TargetOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show the first requests as TikTok would get them, and the first excluded rows. Sends nothing."""
    from connector.inspection.preview import preview_orchestration

    shown = preview_orchestration(open_project(project, target), name, rows)
    if json_output:
        out_json(shown.as_json())
        return
    for body in shown.bodies:
        out(json.dumps(body, ensure_ascii=False, indent=2))
    for row in shown.excluded:
        say(f"row {row['row']} {row['outcome']}: {row['reason']}  {json.dumps(row['columns'], ensure_ascii=False)}")
    remarks = added_value(shown.identical_value)
    for warning, count in sorted(shown.warnings.items()):
        say(" ".join(filter(None, (f"warning {warning}: {pluralize(count, 'row')}", remarks.get(warning)))))
    for note in shown.notes:
        say(note)
    if shown.would_fail:
        say(f"A run would fail with exit code 3: {shown.would_fail}")
    rows_read = pluralize(shown.read, "row")
    of_which = f"all {rows_read}" if shown.is_whole else f"the first {rows_read}"
    say(f"Of {of_which} of the result, target {shown.target}. Nothing was sent.")
