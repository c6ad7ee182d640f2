"""`connector run`: reads, checks, hashes, sends, and accounts for every row."""

from typing import Annotated

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

LimitOption = Annotated[int | None, typer.Option("--limit", min=1, help="Read only so many rows of the result.")]
TestEventOption = Annotated[
    str | None,
    typer.Option("--test-event-code", metavar="C", help="Send test events, with the code of TikTok's Test Events tab."),
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("run")(run)


@reported
def run(
    name: NameArgument,
    target: TargetOption = None,
    limit: LimitOption = None,
    test_event_code: TestEventOption = None,
    project: ProjectOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Run an orchestration: read, check, hash, send, and account for every row."""
    from connector.cli.progress import watching
    from connector.cli.signals import stopped_by_signals
    from connector.cli.summary import summary
    from connector.errors import ConnectorError
    from connector.pipeline.history import abandon_run, find_run
    from connector.pipeline.run import RunOptions, run_orchestration

    opened = open_project(project, target)
    with watching(quiet=json_output) as observer:

        def leave_at_once() -> None:
            record = abandon_run(opened, observer.run_id) if observer.run_id else None
            if record and json_output:
                out_json(record.as_json())

        with stopped_by_signals(leave_at_once) as stop:
            try:
                options = RunOptions(limit, test_event_code)
                record = run_orchestration(opened, name, options, observer=observer, stop=stop)
            except ConnectorError as error:
                found = find_run(opened, observer.run_id) if observer.run_id else None
                if found and json_output:
                    out_json(found.as_json())
                    error.told = True
                raise
    if json_output:
        out_json(record.as_json())
        return
    for line in summary(record):
        out(line)
