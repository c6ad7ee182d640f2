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
    TEST = "test"


FileArgument = Annotated[
    File,
    typer.Argument(
        metavar="[orchestrations|template|test]",
        help="The schema of the project file, of data templates, or of tests of queries.",
    ),
]


@reported
def schema(file: FileArgument = File.ORCHESTRATIONS, debug: DebugOption = False) -> None:
    """Print the JSON Schema of orchestrations.yaml, of data templates or of tests of queries, for editors."""
    from connector.config.editor_files import SCHEMAS, schema_text

    out(schema_text(SCHEMAS[file]).rstrip("\n"))
