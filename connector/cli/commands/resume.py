"""`connector resume`: finish a failed, interrupted or killed run."""

import threading
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.completion import complete_run
from connector.cli.failures import reported
from connector.cli.options import JsonOptions, LaunchOption, ResendOption
from connector.cli.process import gc_paused

if TYPE_CHECKING:
    from connector.cli.progress import QuietObserver
    from connector.ledger.run_records import RunRecord

RunOrLast = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN_ID]",
        help="The run: its id, the beginning of it, or `latest` (default: the last run that can be resumed).",
        autocompletion=complete_run,
    ),
]


@reported
def resume(
    run_id: RunOrLast = None,
    resend_unknown: ResendOption = False,
    launch: LaunchOption = None,
    *,
    options: JsonOptions,
) -> None:
    """Finish a failed, interrupted or killed run: send what is staged, and query the warehouse only if nothing is."""
    with gc_paused():
        from connector.cli.running import executing, run_and_report

    opened = options.open_project()

    with executing(opened, launch, "resume", None) as (project, _):

        def work(observer: "QuietObserver", stop: threading.Event) -> "RunRecord":
            return project.resume(run_id, resend_unknown=resend_unknown, on_progress=observer, stop=stop).record

        run_and_report(project.settings, work, options.json_output)
