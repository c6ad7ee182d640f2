"""`connector schema`: JSON Schema for editors."""

from enum import StrEnum
from typing import Annotated

import typer

from connector.cli.console import out
from connector.cli.failures import reported
from connector.cli.options import DebugOption


class File(StrEnum):
    """The files that have a schema."""

    ORCHESTRATIONS = "orchestrations"
    TEMPLATE = "template"


FileArgument = Annotated[
    File,
    typer.Argument(metavar="[orchestrations|template]", help="The schema of the project file, or of data templates."),
]


@reported
def schema(file: FileArgument = File.ORCHESTRATIONS, debug: DebugOption = False) -> None:
    """Print the JSON Schema of orchestrations.yaml or of data templates, for editors."""
    from connector.config.editor_files import SCHEMAS, schema_text

    out(schema_text(SCHEMAS[file]).rstrip("\n"))
