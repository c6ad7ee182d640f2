"""`connector dbt`: tell dbt about the orchestrations that send its models."""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.completion import complete_orchestration
from connector.cli.console import out, say
from connector.cli.failures import reported
from connector.cli.options import ProjectOptions
from connector.cli.output import ForceOption, check_output, output_file

NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...", help="The orchestrations (default: all).", autocompletion=complete_orchestration
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", help="Write the exposures to this file, below dbt's models."),
]
OwnerOption = Annotated[
    str, typer.Option("--owner", metavar="OWNER", help="The owner of the exposures: a name or an e-mail address.")
]

group = typer.Typer(
    help="Tell dbt about the orchestrations that send its models.", no_args_is_help=True, rich_markup_mode=None
)


@group.command("exposures")
@reported
def exposures(
    names: NamesArgument = None,
    output: OutputOption = None,
    force: ForceOption = False,
    owner: OwnerOption = "connector",
    *,
    options: ProjectOptions,
) -> None:
    """Print the orchestrations as exposures of dbt, so that its lineage shows where models go."""
    from connector.inspection.dbt_exposures import build_exposures

    project = options.open_project().settings
    if output is not None:
        check_output(output, project, force=force)
    built = build_exposures(project, names or (), owner)
    if output is None:
        out(built.text.rstrip("\n"))
    else:
        with output_file(output) as sink:
            sink.write(built.text.encode())
        say(f"Wrote {output}: {', '.join(built.names)}.")
    if built.omitted:
        say(f"Without a dbt model or source: {', '.join(built.omitted)}.")
