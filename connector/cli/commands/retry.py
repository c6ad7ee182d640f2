"""`connector retry`: query the rejected rows of a run again, and send those that are valid now."""

import threading
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.completion import complete_reason
from connector.cli.failures import reported
from connector.cli.options import JsonOptions, LaunchOption, RunArgument
from connector.cli.process import gc_paused

if TYPE_CHECKING:
    from connector.cli.progress import QuietObserver
    from connector.ledger.run_records import RunRecord

ReasonOption = Annotated[
    str | None,
    typer.Option(
        "--reason", metavar="R", help="Only rows that were rejected for this reason.", autocompletion=complete_reason
    ),
]


@reported
def retry(
    run_id: RunArgument, reason: ReasonOption = None, launch: LaunchOption = None, *, options: JsonOptions
) -> None:
    """Query the rejected rows of a run again, and send those that are valid now, as a new run."""
    with gc_paused():
        from connector.cli.running import executing, run_and_report

    opened = options.open_project()

    with executing(opened, launch, "retry", None) as (project, _):

        def work(observer: "QuietObserver", stop: threading.Event) -> "RunRecord":
            return project.retry(run_id, reason=reason, on_progress=observer, stop=stop).record

        run_and_report(project.settings, work, options.json_output)
