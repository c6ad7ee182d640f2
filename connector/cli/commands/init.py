"""`connector init`: create a project folder that runs as it is."""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.console import out, say
from connector.cli.failures import reported
from connector.cli.options import DebugOption
from connector.cli.process import allow_closed_output

DirectoryArgument = Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder; created if it does not exist.")]


@reported
def init(directory: DirectoryArgument = Path(), debug: DebugOption = False) -> None:
    """Create a project folder that runs as it is. Overwrites nothing."""
    from connector.example.example_project import write_example

    allow_closed_output()
    for path in write_example(directory):
        out(str(path))
    inside = "" if directory == Path() else f"cd {directory} && "
    say(f"\nA project that runs as it is. Try: {inside}connector run store_purchases")
