"""`connector stop`: end a run in progress early."""

from connector.cli.console import out
from connector.cli.failures import reported
from connector.cli.options import ProjectOptions, RunArgument


@reported
def stop(run_id: RunArgument, *, options: ProjectOptions) -> None:
    """Ask a run in progress, on whatever machine, to stop: it finishes the requests in flight, and can be resumed.

    A command that was to run further orchestrations does not start them.
    """
    run = options.open_project().stop(run_id)
    out(f"Stopping {run.record.orchestration}: requests in flight are finished first.")
    out(f"`connector resume {run.run_id}` sends the rest.")
