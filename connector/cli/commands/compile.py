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
    """Print the SQL of a run: the query, and the transform of its result. Asks the warehouse for the columns."""
    from connector.inspection.validate import compile_sql

    opened = open_project(project, target)
    compiled = compile_sql(opened, name)
    if json_output:
        files = [{"file": file, "delimiter": delimiter} for file, delimiter in compiled.files]
        out_json({"target": opened.target, "query": compiled.query, "files": files, "transform": compiled.transform})
        return
    if compiled.query is not None:
        out(f"-- The query, on the warehouse, target {opened.target}.\n{compiled.query}\n")
    for file, delimiter in compiled.files:
        out(f"-- The file {file}, target {opened.target}, its values between {delimiter!r}, all of them read as text.")
    out("-- The transform of each slice of its result (`chunk`, whose text is stripped), on an embedded DuckDB.")
    out(compiled.transform)
