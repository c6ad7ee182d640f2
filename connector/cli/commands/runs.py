"""`connector runs`: what happened."""

from pathlib import Path
from typing import Annotated

import typer

from connector.cli.console import out, out_json, table
from connector.cli.failures import reported
from connector.cli.options import DebugOption, JsonOption, ProjectOption, RunArgument, open_project

LimitOption = Annotated[int, typer.Option("--limit", min=1, help="How many runs to list.")]
LinesOption = Annotated[int, typer.Option("--limit", min=1, help="How many lines to show.")]
OrchestrationOption = Annotated[
    str | None, typer.Option("--orchestration", metavar="NAME", help="Only the runs of this one.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    runs = typer.Typer(help="List past runs, or show one.", invoke_without_command=True, rich_markup_mode=None)
    runs.callback()(list_unless_asked)
    runs.command("list")(list_)
    runs.command("show")(show)
    runs.command("audit")(audit)
    app.add_typer(runs, name="runs")


def list_unless_asked(
    context: typer.Context,
    project: ProjectOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List past runs, or show one."""
    if context.invoked_subcommand is None:
        list_(context, project=project, json_output=json_output, debug=debug)
    context.obj = project


@reported
def list_(
    context: typer.Context,
    limit: LimitOption = 20,
    orchestration: OrchestrationOption = None,
    project: ProjectOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List past runs, latest first."""
    from connector.pipeline.history import latest_runs

    records = latest_runs(open_project(_nearest(context, project)), limit, orchestration)
    if json_output:
        out_json({"runs": [record.as_json() for record in records]})
        return
    heading = ("run", "orchestration", "target", "status", "read", "delivered", "rejected", "seconds")
    lines = [
        (
            record.run_id,
            record.orchestration,
            record.target,
            record.status.value,
            f"{record.rows.read:,}",
            f"{record.rows.delivered:,}",
            f"{record.rows.rejected:,}",
            f"{record.seconds:.1f}",
        )
        for record in records
    ]
    for line in table([heading, *lines], right=frozenset({4, 5, 6, 7})):
        out(line)


@reported
def show(
    context: typer.Context,
    run_id: RunArgument,
    project: ProjectOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show one run: what became of its rows, and every request."""
    from connector.cli.summary import summary
    from connector.pipeline.history import requests_of, run_named, worked_on_by

    opened = open_project(_nearest(context, project))
    record, requests = run_named(opened, run_id), requests_of(opened, run_id)
    users = [f"{line.use.os_user}@{line.use.host}" for line in worked_on_by(opened, run_id)]
    if json_output:
        log = [request.as_json() for request in requests]
        further = {"retry_of": record.retry_of, "query_id": record.query_id, "by": users, "request_log": log}
        out_json({**record.as_json(), **further})
        return
    for line in summary(record):
        out(line)
    if users:
        out(f"By {', then '.join(dict.fromkeys(users))}.")
    if record.query_id:
        out(f"The warehouse's history has its query as {record.query_id}.")
    heading = (
        "batch",
        "first event",
        "events",
        "attempt",
        "verdict",
        "HTTP",
        "code",
        "seconds",
        "request id",
        "message",
    )
    lines = [
        (
            *(str(one) for one in (request.batch, request.first_event, request.events, request.attempt)),
            request.verdict,
            str(request.http_status or "-"),
            "-" if request.code is None else str(request.code),
            f"{request.seconds:.3f}",
            request.request_id or "-",
            request.message,
        )
        for request in requests
    ]
    out()
    for line in table([heading, *lines]):
        out(line)


@reported
def audit(
    context: typer.Context,
    limit: LinesOption = 100,
    project: ProjectOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show who used the connector for what, and who was refused, latest first."""
    from connector.pipeline.history import audit_lines

    lines = audit_lines(open_project(_nearest(context, project)), limit)
    if json_output:
        out_json({"audit": [line.as_json() for line in lines]})
        return
    heading = ("at", "user", "host", "command", "orchestration", "target", "run", "")
    rows = [
        (
            line.at,
            line.use.os_user,
            line.use.host,
            line.use.command,
            line.use.orchestration or "-",
            line.use.target,
            line.use.run_id or "-",
            "allowed" if line.use.allowed else "refused",
        )
        for line in lines
    ]
    for text in table([heading, *rows]):
        out(text)


def _nearest(context: typer.Context, project: Path | None) -> Path | None:
    """The project named at the command itself, else the one named before it, else that of the environment."""
    source = context.get_parameter_source("project")
    own = source is not None and source.name == "COMMANDLINE"
    return project if own or context.obj is None else context.obj
