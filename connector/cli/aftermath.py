"""What follows a run that is over and told: whoever wants to know is notified. It changes nothing of the run."""

from collections.abc import Sequence

from connector.cli.console import say
from connector.config.project import Project


def follow_up(project: Project, run_ids: Sequence[str]) -> None:
    """Notifies of runs as they stand in the ledger. Raises nothing; Ctrl-C leaves the rest untold."""
    from connector.notifications.tell import tell_of_runs

    try:
        tell_of_runs(project, run_ids, say)
    except KeyboardInterrupt:
        say("Not everybody was notified.")
