"""`connector init`: create a project folder that runs as it is."""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.console import Level, out, say
from connector.cli.failures import reported
from connector.cli.options import DebugOption
from connector.cli.process import allow_closed_output
from connector.errors import UsageError

DirectoryArgument = Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder; created if it does not exist.")]


FromDbtOption = Annotated[
    Path | None,
    typer.Option("--from-dbt", metavar="PATH", help="Write orchestrations for the models of this dbt project instead."),
]
ModelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="With --from-dbt: a model to send (default: all whose columns identify people, but those of packages); "
        "can be repeated.",
    ),
]


@reported
def init(
    directory: DirectoryArgument = Path(),
    from_dbt: FromDbtOption = None,
    model: ModelOption = None,
    debug: DebugOption = False,
) -> None:
    """Create a project folder that runs as it is. Overwrites nothing."""
    allow_closed_output()
    if from_dbt is not None:
        _init_from_dbt(directory, from_dbt, model or [])
        return
    if model:
        raise UsageError("--model names models of dbt: name their project with --from-dbt PATH.")
    from connector.example.example_project import write_example

    for path in write_example(directory):
        out(str(path))
    inside = "" if directory == Path() else f"cd {directory} && "
    say(f"\nA project that runs as it is. Try: {inside}connector run store_purchases")


def _init_from_dbt(directory: Path, source: Path, models: list[str]) -> None:
    from connector.inspection.dbt_project import write_dbt_project

    written = write_dbt_project(directory, source, models)
    for path in written.paths:
        out(str(path))
    for one in written.models:
        mapped = ", ".join(one.mapping.columns)
        say(f"{one.orchestration}: the model {one.model} to {one.destination} ({mapped}).")
    if written.unfit:
        say(f"Without columns that identify people: {', '.join(written.unfit)}.")
    if written.packages:
        names = ", ".join(written.packages)
        say(f"Models of packages ({names}) are not included: name them with --model PACKAGE.MODEL.")
    if written.is_url_guessed:
        say("The url of the warehouse marts is a guess: correct it in orchestrations.yaml.", Level.WARNING)
    inside = "" if directory == Path() else f"cd {directory} && "
    say(f"\nCheck the mappings in templates/. Try: {inside}connector preview {written.models[0].orchestration}")
