"""`connector rejects`: write the rejected rows of a run, with their reasons."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from connector.cli.completion import complete_reason
from connector.cli.console import say
from connector.cli.failures import reported
from connector.cli.options import ProjectOptions, RunArgument
from connector.cli.output import ForceOption, check_output, output_file

ReasonOption = Annotated[
    str | None,
    typer.Option("--reason", metavar="R", help="Only rows with this reason or skip.", autocompletion=complete_reason),
]
FormatOption = Annotated[
    Literal["csv", "parquet", "json"], typer.Option("--format", metavar="FORMAT", help="csv, parquet or json.")
]
OutputOption = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="The file to write (default: stdout).")
]


@reported
def rejects(
    run_id: RunArgument,
    reason: ReasonOption = None,
    format: FormatOption = "csv",
    output: OutputOption = None,
    force: ForceOption = False,
    *,
    options: ProjectOptions,
) -> None:
    """Write the rejected rows of a run, with their reasons and without identifiers."""
    from connector.reporting.rejects import write_rejects

    opened = options.open_project().settings
    if output is None:
        write_rejects(opened, run_id, sys.stdout.buffer, reason=reason, format_=format)
        sys.stdout.flush()
    else:
        check_output(output, opened, force=force)
        with output_file(output) as sink:
            record, rows = write_rejects(opened, run_id, sink, reason=reason, format_=format)
        say(f"{rows:,} rows of run {record.run_id}, target {record.target}, to {output}")
