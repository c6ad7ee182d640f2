"""Options that several commands share."""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.completion import complete_engine, complete_orchestration, complete_run, complete_target
from connector.cli.console import Level, say
from connector.errors import UsageError

if TYPE_CHECKING:
    from connector.api import Project

ProjectOption = Annotated[
    Path | None,
    typer.Option(
        "--project", metavar="DIR", envvar="CONNECTOR_PROJECT", help="The project folder (default: the current folder)."
    ),
]
TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="T",
        help="The target to use (default: the file's `target`).",
        autocompletion=complete_target,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Also print the stack trace of an error.")]
ResendOption = Annotated[
    bool,
    typer.Option(
        "--resend-unknown",
        help="Resend events that may have been accepted more than 48 hours ago, because the answer was lost.",
    ),
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="Read only the first N rows of the result.")
]
TestEventOption = Annotated[
    str | None,
    typer.Option("--test-event-code", metavar="C", help="Send test events, with the destination's code for tests."),
]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="Only runs that started since: 12h, 7d, a date or a time (UTC)."),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="Use this engine in place of the orchestration's own; `none`: work in this process alone.",
        autocompletion=complete_engine,
    ),
]
FullOption = Annotated[
    bool, typer.Option("--full", help="Read all rows, also of an orchestration that reads only what is new (`cursor`).")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Confirm changes at the destination in advance.")]
LaunchOption = Annotated[
    str | None, typer.Option("--launch", metavar="ID", hidden=True, help="Execute this launch of the ledger.")
]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="The orchestration.", autocompletion=complete_orchestration)
]
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN_ID",
        help="The id of the run as `connector runs` lists it, its beginning, or `latest`.",
        autocompletion=complete_run,
    ),
]


class _OpensProject:
    """The options of every command that works on a project."""

    __slots__ = ()
    project: ProjectOption
    target: TargetOption = None

    def open_project(self) -> "Project":
        """Open the project, under the target if there is one. Raises ConfigurationError."""
        return open_project(self.project, self.target)


@dataclass(frozen=True, slots=True)
class ProjectOptions(_OpensProject):
    """The options of a command that works on the runs of a project."""

    project: ProjectOption = None
    debug: DebugOption = False


@dataclass(frozen=True, slots=True)
class JsonOptions(_OpensProject):
    """The options of a command that works on the runs of a project and can print JSON."""

    project: ProjectOption = None
    json_output: JsonOption = False
    debug: DebugOption = False


@dataclass(frozen=True, slots=True)
class TargetOptions(_OpensProject):
    """The options of a command that works on a project under a target and can print JSON."""

    project: ProjectOption = None
    target: TargetOption = None
    json_output: JsonOption = False
    debug: DebugOption = False


_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def open_project(directory: Path | None, target: str | None = None) -> "Project":
    """Open the project that the options name. Raises ConfigurationError."""
    from connector.api import open_project as open_folder

    project = open_folder(directory or Path.cwd(), target=target, config_directory=config_directory())
    say_project(project.folder, project.target)
    return project


def say_project(folder: Path, target: str) -> None:
    """Say which project is open, for --verbose."""
    say(f"Project {folder}, target {target}.", Level.DEBUG)


def config_directory() -> Path | None:
    """Return the folder with a copy of the project's files to read in place of them, if `connector start` has one."""
    from connector.config.project import CONFIG_DIRECTORY

    folder = os.environ.get(CONFIG_DIRECTORY)
    return Path(folder) if folder else None


def parse_time(text: str, now: datetime) -> datetime:
    """Parse `7d`, `12h`, `2026-11-20` or `2026-11-20T06:00+01:00`; UTC without an offset. Raises UsageError."""
    if ago := re.fullmatch(r"(\d{1,4})([mhdw])", text.strip()):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f'Invalid time "{text}": write how long ago, such as 12h or 7d, or a date such as 2026-11-20.'
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
