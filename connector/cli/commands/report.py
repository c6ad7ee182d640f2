"""`connector report`: one run as a page to open, print or mail."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.console import binary_output, say
from connector.cli.failures import reported
from connector.cli.options import DebugOption, ProjectOption, RunArgument, open_project
from connector.errors import UsageError

OutputOption = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write here (default: stdout).")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Write over a file that is there.")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("report")(report)


@reported
def report(
    run_id: RunArgument,
    output: OutputOption = None,
    force: ForceOption = False,
    project: ProjectOption = None,
    debug: DebugOption = False,
) -> None:
    """Write one run as a page of HTML that needs nothing else: no script, nothing from elsewhere, no identifiers."""
    from connector.pipeline.insight import insight_of
    from connector.report.page import page

    if output is not None:
        _check(output, force=force)
    written = page(insight_of(open_project(project), run_id), datetime.now(UTC))
    with binary_output(output) as sink:
        sink.write(written.encode())
    if output:
        say(f"Run {run_id} to {output}")


def _check(output: Path, *, force: bool) -> None:
    if output.is_dir():
        raise UsageError(f'"{output}" is a folder: name a file, such as {output / "report.html"}.')
    if not output.parent.is_dir():
        raise UsageError(f'The folder "{output.parent}" does not exist: make it first.')
    if output.exists() and not force:
        raise UsageError(f'"{output}" is there already: name another file, or write over it with --force.')
