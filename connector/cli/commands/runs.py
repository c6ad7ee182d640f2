"""`connector runs`: list past runs, show one, export them, and list the audit."""

from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.commands.export import export
from connector.cli.completion import complete_orchestration, complete_status
from connector.cli.console import RED, YELLOW, out, out_json, say, yellow
from connector.cli.failures import reported
from connector.cli.options import JsonOptions, RunArgument, SinceOption, parse_time
from connector.cli.tables import Style, table
from connector.core.secret_registry import without_secrets

if TYPE_CHECKING:
    from connector.api import Project
    from connector.core.outcomes import RunStatus
    from connector.ledger.batch_records import RequestRecord
    from connector.ledger.run_records import RunRecord
    from connector.reporting.run_history import RunFilter, Trend

LimitOption = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many runs to list.")]
LinesOption = Annotated[int, typer.Option("--limit", metavar="N", min=1, help="How many lines to show.")]
OrchestrationOption = Annotated[
    str | None,
    typer.Option(
        "--orchestration",
        metavar="NAME",
        help="Only runs of this orchestration.",
        autocompletion=complete_orchestration,
    ),
]
StatusOption = Annotated[
    list[str] | None,
    typer.Option(
        "--status", metavar="S", help="Only runs with this status; can be repeated.", autocompletion=complete_status
    ),
]
RequestsOption = Annotated[bool, typer.Option("--requests", help="Also list every request with its answer.")]


group = typer.Typer(help="List past runs, or show one.", invoke_without_command=True, rich_markup_mode=None)


@group.callback()
@reported
def runs(
    context: typer.Context,
    limit: LimitOption = 20,
    orchestration: OrchestrationOption = None,
    status: StatusOption = None,
    since: SinceOption = None,
    *,
    options: JsonOptions,
) -> None:
    """List past runs, or show one."""
    if context.invoked_subcommand is None:
        _list_runs(options, limit, orchestration, status, since)


@group.command("list")
@reported
def list_(
    limit: LimitOption = 20,
    orchestration: OrchestrationOption = None,
    status: StatusOption = None,
    since: SinceOption = None,
    *,
    options: JsonOptions,
) -> None:
    """List past runs, latest first, and how their rows and duration compare with earlier runs."""
    _list_runs(options, limit, orchestration, status, since)


def _list_runs(
    options: JsonOptions, limit: int, orchestration: str | None, status: list[str] | None, since: str | None
) -> None:
    from datetime import UTC, datetime

    from connector.reporting.run_history import RunFilter

    started_since = parse_time(since, datetime.now(UTC)) if since else None
    run_filter = RunFilter(limit, orchestration, tuple(map(_status, status or ())), started_since)
    _print_runs(options.open_project(), run_filter, options)


_HEADING = (
    "run",
    "orchestration",
    "target",
    "status",
    "read",
    "delivered",
    "rejected",
    "seconds",
    "rows trend",
    "time trend",
)


_STATUS = _HEADING.index("status")
_TRENDS = (
    "Trends compare with the median of up to seven earlier runs of the same orchestration and target: = is less than "
    "2 % off, new is more after none."
)


def _print_runs(project: "Project", run_filter: "RunFilter", options: JsonOptions) -> None:
    from connector.cli.summary import STATUS_COLOURS
    from connector.reporting.run_history import latest_runs

    latest = latest_runs(project.settings, run_filter)
    if options.json_output:
        out_json({"runs": [{**record.as_json(), "trend": trend and trend.as_json()} for record, trend in latest]})
        return
    if not latest:
        say(_none(project, run_filter))
    lines = table(
        [_HEADING, *(_row(record, trend) for record, trend in latest)],
        right=frozenset({4, 5, 6, 7, 8, 9}),
        keep=frozenset({0}),
        cut=(3, 2, 1),
        drop=(9, 8, 7, 2),
        style=lambda row, column: STATUS_COLOURS.get(latest[row - 1][0].status) if row and column == _STATUS else None,
    )
    out(lines[0])
    for line, (record, _) in zip(lines[1:], latest, strict=True):
        out(yellow(line) if record.is_empty else line)
    if any(trend for _, trend in latest):
        say(_TRENDS)


def _none(project: "Project", run_filter: "RunFilter") -> str:
    from connector.reporting.run_history import RunFilter

    if run_filter != RunFilter(limit=run_filter.limit):
        return "No run matches these options."
    names = project.orchestrations
    return f"There are no runs yet. Start one: connector run {names[0] if names else 'NAME'}"


def _row(record: "RunRecord", trend: "Trend | None") -> tuple[str, ...]:
    from connector.cli.summary import format_change

    return (
        record.run_id,
        record.orchestration,
        record.target,
        record.status.label,
        f"{record.rows.read:,}",
        f"{record.rows.delivered:,}",
        f"{record.rows.rejected:,}",
        f"{record.seconds:.1f}",
        format_change(trend.rows, [size.rows for size in trend.history]) if trend else "-",
        format_change(trend.seconds, [size.seconds for size in trend.history]) if trend else "-",
    )


def _status(text: str) -> "RunStatus":
    from connector.config.suggest import did_you_mean
    from connector.core.outcomes import RunStatus
    from connector.errors import UsageError

    if text not in list(RunStatus):
        hint = did_you_mean(text, list(RunStatus))
        raise UsageError(f'There is no status "{text}".{hint} The statuses are {", ".join(RunStatus)}.')
    return RunStatus(text)


@group.command("show")
@reported
def show(run_id: RunArgument, requests: RequestsOption = False, *, options: JsonOptions) -> None:
    """Show one run: rows by outcome, timeline, rejected rows, requests, match coverage, freshness and value."""
    from connector.cli.summary import run_sections
    from connector.reporting.run_history import requests_of

    opened = options.open_project()
    details = opened.details(run_id)
    record = details.record
    if options.json_output:
        requests_json = [request.as_json() for request in requests_of(opened.settings, record.run_id)]
        additions = {"retry_of": record.retry_of, "query_id": record.query_id, "request_log": requests_json}
        out_json({**record.as_json(), **additions, **details.as_json()})
        return
    for line in run_sections(details):
        out(line)
    if requests:
        out()
        for line in _request_log(requests_of(opened.settings, record.run_id), is_audience=record.members is not None):
            out(line)


def _request_log(requests: "list[RequestRecord]", *, is_audience: bool) -> list[str]:
    heading = (
        "batch",
        *(("first person", "people") if is_audience else ("first event", "events")),
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
            *map(str, (request.batch, request.first_event, request.events, request.attempt)),
            request.verdict,
            str(request.http_status or "-"),
            "-" if request.code is None else str(request.code),
            f"{request.seconds:.3f}",
            request.request_id or "-",
            without_secrets(request.message),
        )
        for request in requests
    ]
    return table([heading, *lines], keep=frozenset({8}), drop=(1, 5, 7, 2), style=_verdict_colour(requests))


def _verdict_colour(requests: "list[RequestRecord]") -> Style:
    """Return a style that colors verdicts other than `accepted`."""

    def style(row: int, column: int) -> str | None:
        is_verdict = row > 0 and column == 4
        return YELLOW if is_verdict and requests[row - 1].verdict != "accepted" else None

    return style


group.command("export")(export)


@group.command("audit")
@reported
def audit(limit: LinesOption = 100, *, options: JsonOptions) -> None:
    """List who used which command, and who was refused, latest first."""
    from datetime import datetime

    from connector.reporting.run_history import audit_lines

    lines = audit_lines(options.open_project().settings, limit)
    if options.json_output:
        out_json({"audit": [line.as_json() for line in lines]})
        return
    heading = ("at (UTC)", "user", "host", "command", "orchestration", "target", "run", "")
    rows = [
        (
            f"{datetime.fromisoformat(line.at):%Y-%m-%d %H:%M:%S}",
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
    colours = {"refused": RED}
    for text in table(
        [heading, *rows],
        keep=frozenset({0, 3, 6, 7}),
        cut=(2, 5, 4, 1),
        drop=(2, 5, 4, 1),
        style=lambda row, column: colours.get(rows[row - 1][column]) if row and column == 7 else None,
    ):
        out(text)
