"""`connector retry`: goes again through the rows that a run left out."""

import threading
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.failures import reported
from connector.cli.options import DebugOption, JsonOption, ProjectOption, RunArgument, open_project
from connector.cli.process import gc_paused

if TYPE_CHECKING:
    from connector.cli.progress import QuietObserver
    from connector.ledger.records import RunRecord

ReasonOption = Annotated[
    str | None, typer.Option("--reason", metavar="R", help="Only rows that were rejected for this reason.")
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("retry")(retry)


@reported
def retry(
    run_id: RunArgument,
    reason: ReasonOption = None,
    project: ProjectOption = None,
    json_output: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Query the rejected rows of a run again, and send those that are valid now, as a new run."""
    with gc_paused():
        from connector.cli.running import run_and_report
        from connector.runs.retry import retry_run

    opened = open_project(project)

    def work(observer: "QuietObserver", stop: threading.Event) -> "RunRecord":
        return retry_run(opened, run_id, reason, observer, stop)

    run_and_report(opened, work, json_output)
