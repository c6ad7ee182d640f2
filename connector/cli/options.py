"""Options that several commands share."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from connector.config.project import Project

ProjectOption = Annotated[
    Path | None,
    typer.Option("--project", metavar="DIR", envvar="CONNECTOR_PROJECT", help="The project folder (default: here)."),
]
TargetOption = Annotated[
    str | None, typer.Option("--target", metavar="T", help="The target to use, instead of the file's own.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the stack trace of an error.")]
ResendOption = Annotated[
    bool,
    typer.Option(
        "--resend-unknown", help="Send again what may have been taken more than 48 hours ago, its answer being lost."
    ),
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The orchestration.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN_ID", help="The run, as `connector runs` lists it.")]


def open_project(directory: Path | None, target: str | None = None) -> "Project":
    """The project that the options name. Raises ConfigurationError."""
    from connector.config.project import SAVED_FILES, load_project

    saved_in = os.environ.get(SAVED_FILES)
    return load_project(directory or Path.cwd(), os.environ, target, saved_in=Path(saved_in) if saved_in else None)
