"""Options that several commands share."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from connector.config.project import Project

ProjectOption = Annotated[
    Path | None,
    typer.Option(
        "--project", metavar="DIR", envvar="CONNECTOR_PROJECT", help="The project folder (default: the current folder)."
    ),
]
TargetOption = Annotated[
    str | None, typer.Option("--target", metavar="T", help="The target to use (default: the file's `target`).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the stack trace of an error.")]
ResendOption = Annotated[
    bool,
    typer.Option(
        "--resend-unknown",
        help="Resend events that TikTok may have accepted more than 48 hours ago, because its answer was lost.",
    ),
]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="Only runs that started since: 12h, 7d, a date or a time (UTC)."),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Confirm changes at TikTok in advance.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The orchestration.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN_ID", help="The id of the run, as `connector runs` lists it.")]


def open_project(directory: Path | None, target: str | None = None) -> "Project":
    """The project that the options name. Raises ConfigurationError."""
    from connector.config.project import SAVED_FILES, load_project

    saved_in = os.environ.get(SAVED_FILES)
    return load_project(directory or Path.cwd(), os.environ, target, saved_in=Path(saved_in) if saved_in else None)


def nearest(context: typer.Context, project: Path | None) -> Path | None:
    """The project named at the command itself, else the one named before it, else that of the environment."""
    source = context.get_parameter_source("project")
    own = source is not None and source.name == "COMMANDLINE"
    return project if own or context.obj is None else context.obj
