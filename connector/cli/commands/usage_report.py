"""`connector usage-report`: what was delivered of third-party data, for its monthly report."""

import csv
import io
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.console import out, out_json, say
from connector.cli.failures import reported
from connector.cli.options import DebugOption, JsonOption, ProjectOption, TargetOption, open_project
from connector.cli.output import ForceOption, check_output, output_file

MonthOption = Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The month, in UTC.")]
FileOption = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="The file to write (default: stdout).")
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("usage-report")(usage_report)


@reported
def usage_report(
    month: MonthOption,
    output: FileOption = None,
    force: ForceOption = False,
    project: ProjectOption = None,
    target: TargetOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write what was delivered of marketplace data in a month, as CSV. Fill in impressions and spend yourself."""
    from connector.destinations.tiktok.audience.usage_report import COLUMNS
    from connector.destinations.tiktok.audience.usage_report import usage_report as report

    opened = open_project(project, target)
    if output is not None:
        check_output(output, opened, force=force)
    found = report(opened, month)
    if json_output:
        out_json({"month": found.month, "lines": found.lines})
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found.lines)
    if output is None:
        out(text.getvalue().rstrip("\n"))
    else:
        with output_file(output) as sink:
            sink.write(text.getvalue().encode())
        say(f"{len(found.lines):,} audiences of {found.month} are in {output}.")
