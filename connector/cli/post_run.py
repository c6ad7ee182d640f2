"""What follows a run that is over and told: whoever wants to know is notified. It changes nothing of the run."""

import os
from collections.abc import Sequence

from connector.cli.console import say
from connector.config.project import Project


def follow_up(project: Project, run_ids: Sequence[str]) -> None:
    """Notifies of runs as they stand in the ledger, and sends their figures where the environment asks for them.

    Raises nothing; Ctrl-C leaves the rest untold.
    """
    from connector.notifications.dispatch import notify_of_runs
    from connector.telemetry.otlp import export_runs

    try:
        notify_of_runs(project, run_ids, say)
        export_runs(project, run_ids, os.environ, say)
    except KeyboardInterrupt:
        say("Not everybody was notified.")
    except Exception as error:
        # Whatever it is, the run is not to end otherwise than it did.
        say(f"Not everybody was notified: {type(error).__name__}.")
