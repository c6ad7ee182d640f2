"""`connector compile`: print the SQL of a run."""

from connector.cli.console import out, out_json
from connector.cli.failures import reported
from connector.cli.options import NameArgument, TargetOptions


@reported
def compile(  # noqa: A001 - the name of the command
    name: NameArgument, *, options: TargetOptions
) -> None:
    """Print the SQL of a run: the query, and the transform of its result. Asks the warehouse for the columns."""
    opened = options.open_project()
    compiled = opened.compile(name)
    if options.json_output:
        files = [{"file": file, "delimiter": delimiter} for file, delimiter in compiled.files]
        out_json({"target": opened.target, "query": compiled.query, "files": files, "transform": compiled.transform})
        return
    if compiled.query is not None:
        out(f"-- The query, on the warehouse, target {opened.target}.\n{compiled.query}\n")
    for file, delimiter in compiled.files:
        out(f"-- The file {file}, target {opened.target}, its values between {delimiter!r}, all of them read as text.")
    out("-- The transform of each slice of its result (`chunk`, whose text is stripped), on an embedded DuckDB.")
    out(compiled.transform)
