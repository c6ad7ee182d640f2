"""`connector usage-report`: write what was delivered of marketplace data in a month, as CSV."""

import csv
import io
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.console import out, out_json, say
from connector.cli.failures import reported
from connector.cli.options import TargetOptions
from connector.cli.output import ForceOption, check_output, output_file

MonthOption = Annotated[str, typer.Option("--month", metavar="YYYY-MM", help="The month, in UTC.")]
FileOption = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE", help="The file to write (default: stdout).")
]


@reported
def usage_report(
    month: MonthOption, output: FileOption = None, force: ForceOption = False, *, options: TargetOptions
) -> None:
    """Write what was delivered of marketplace data in a month, as CSV. Fill in impressions and spend yourself."""
    from connector.destinations.tiktok.audience.usage_report import COLUMNS
    from connector.destinations.tiktok.audience.usage_report import usage_report as report

    opened = options.open_project().settings
    if output is not None:
        check_output(output, opened, force=force)
    usage = report(opened, month)
    if options.json_output:
        out_json({"month": usage.month, "lines": usage.lines})
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(usage.lines)
    if output is None:
        out(text.getvalue().rstrip("\n"))
    else:
        with output_file(output) as sink:
            sink.write(text.getvalue().encode())
        say(f"{len(usage.lines):,} audiences of {usage.month} are in {output}.")
