"""`connector report`: write one run as a page to open, print or mail."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.console import say
from connector.cli.failures import reported
from connector.cli.options import ProjectOptions, RunArgument
from connector.cli.output import ForceOption, check_output, output_file

OutputOption = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="The file to write (default: stdout).")
]


@reported
def report(
    run_id: RunArgument, output: OutputOption = None, force: ForceOption = False, *, options: ProjectOptions
) -> None:
    """Write one run as a self-contained HTML page with plots, without identifiers."""
    from connector.reporting.html.page import page

    opened = options.open_project()
    if output is not None:
        check_output(output, opened.settings, force=force)
    details = opened.details(run_id)
    content = page(details, datetime.now(UTC)).encode()
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    with output_file(output) as sink:
        sink.write(content)
    say(f"Run {details.record.run_id} to {output}")
