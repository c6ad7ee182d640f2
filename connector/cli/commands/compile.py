"""`connector compile`: the SQL that will run."""

import typer

from connector.cli.console import out, out_json
from connector.cli.failures import reported
from connector.cli.options import (
    DebugOption,
    JsonOption,
    NameArgument,
    ProjectOption,
    TargetOption,
    open_project,
)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("compile")(compile_)


@reported
def compile_(
    name: NameArgument,
    project: ProjectOption = None,
    target: TargetOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Print the SQL that will run: the query on the warehouse, and the transform of its result."""
    from connector.pipeline.validate import compiled_sql

    query, transform = compiled_sql(open_project(project, target), name)
    if json_output:
        out_json({"query": query, "transform": transform})
        return
    out(f"-- The query, on the warehouse.\n{query}\n")
    out(f"-- The transform of each slice of its result (`chunk`), on an embedded DuckDB.\n{transform}")
