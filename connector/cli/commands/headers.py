"""`connector headers`: create a conversions file with all headers."""

import json
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.console import pluralize, say
from connector.cli.failures import reported
from connector.cli.options import DebugOption

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The new file: .csv, .tsv, .psv or .txt.")]
CategoriesOption = Annotated[
    list[str] | None,
    typer.Option("--category", metavar="NAME", help="A transaction category of the sample rows; can be repeated."),
]
RowsOption = Annotated[int, typer.Option("--rows", metavar="N", min=0, help="How many sample rows to add.")]


@reported
def headers(
    file: FileArgument, rows: RowsOption = 0, categories: CategoriesOption = None, debug: DebugOption = False
) -> None:
    """Create a conversions file for LiveRamp's program, with all headers."""
    from connector.example.sample_conversions import write_conversions

    declared = tuple(categories or ())
    write_conversions(file, rows, declared)
    say(f"{file}: the headers, and {pluralize(rows, 'made-up row') if rows else 'no rows'}.")
    if declared:
        values = json.dumps(declared, ensure_ascii=False)
        say(f"Declare the same values in the format of the orchestration: transaction_category: {values}")
