"""`connector runs export`: export runs as tables for dashboards."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from connector.cli.completion import complete_warehouse
from connector.cli.console import out_json, pluralize, say
from connector.cli.failures import reported
from connector.cli.options import JsonOptions, SinceOption
from connector.cli.output import ForceOption, check_output, writing_to
from connector.errors import UsageError


def _folder(text: str) -> Path:
    """Parse the folder; an empty text is not the current one, but a variable of the shell that is not set."""
    if not text.strip():
        raise typer.BadParameter("must not be empty. Name a folder, such as dashboards.")
    return Path(text)


OutputOption = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="DIR",
        parser=_folder,
        help="A folder for one file per table, or FILE.parquet for the runs alone.",
    ),
]
FormatOption = Annotated[
    Literal["parquet"], typer.Option("--format", metavar="FORMAT", help="The format of files: parquet.")
]
WarehouseOption = Annotated[
    str | None,
    typer.Option(
        "--warehouse",
        metavar="NAME",
        help="Write to this warehouse of the project instead.",
        autocompletion=complete_warehouse,
    ),
]
SchemaOption = Annotated[
    str | None, typer.Option("--schema", metavar="SCHEMA", help="The schema of the tables in the warehouse.")
]


@reported
def export(
    output: OutputOption = None,
    force: ForceOption = False,
    format: FormatOption = "parquet",
    warehouse: WarehouseOption = None,
    schema: SchemaOption = None,
    since: SinceOption = None,
    *,
    options: JsonOptions,
) -> None:
    """Export runs, batches, requests, rejected rows and values as tables: to Parquet files, or to a warehouse."""
    from connector.cli.options import parse_time
    from connector.reporting.export.export import export_to_files, export_to_warehouse, files_for

    started_since = parse_time(since, datetime.now(UTC)) if since else None
    opened = options.open_project().settings
    if output is not None and warehouse is None and schema is None:
        files = files_for(opened, output)
        for file in files.values():
            check_output(file, opened, force=force)
        with writing_to(output):
            result = export_to_files(opened, files, since=started_since)
        location = str(output)
    elif output is None and warehouse is not None and schema is not None:
        result = export_to_warehouse(opened, warehouse, schema, since=started_since)
        location = f"{warehouse}, schema {schema}"
    else:
        raise UsageError("Specify where to export: -o DIR, or --warehouse NAME and --schema SCHEMA.")
    if options.json_output:
        out_json({"runs": result.runs, "rows": dict(result.rows)})
        return
    tables = ", ".join(f"{name} {rows:,}" for name, rows in result.rows.items())
    say(f"{pluralize(result.runs, 'run')} to {location}: {tables or 'nothing'}")
