"""`connector preview`: show the first requests as the destination would get them."""

import json
from typing import Annotated

import typer

from connector.cli.console import Level, added_value, out, out_json, pluralize, say
from connector.cli.failures import reported
from connector.cli.options import NameArgument, TargetOptions

RowsOption = Annotated[
    int,
    typer.Option("--rows", metavar="N", min=1, help="How many events or people to show, and how many excluded rows."),
]


@reported
def preview(name: NameArgument, rows: RowsOption = 5, *, options: TargetOptions) -> None:
    """Show the first requests as the destination would get them, and the first excluded rows. Sends nothing."""
    result = options.open_project().preview(name, rows)
    if options.json_output:
        out_json(result.as_json())
        return
    for body in result.bodies:
        out(json.dumps(body, ensure_ascii=False, indent=2))
    for row in result.excluded:
        say(f"row {row['row']} {row['outcome']}: {row['reason']}  {json.dumps(row['columns'], ensure_ascii=False)}")
    remarks = added_value(result.identical_value)
    for warning, count in sorted(result.warnings.items()):
        say(" ".join(filter(None, (f"warning {warning}: {pluralize(count, 'row')}", remarks.get(warning)))))
    for note in result.notes:
        say(note)
    if result.would_fail:
        say(f"A run would fail with exit code 3: {result.would_fail}", Level.WARNING)
    rows_read = pluralize(result.read, "row")
    of_which = f"all {rows_read}" if result.is_whole else f"the first {rows_read}"
    say(f"Of {of_which} of the result, target {result.target}. Nothing was sent.")
