"""Forget what the simulator of runs was sent."""

from connector.config.addresses import SIMULATOR, SIMULATOR_FILE
from connector.config.destination import DestinationSettings
from connector.config.project import Project
from connector.errors import LockedError, UsageError
from connector.ledger.addresses import forget_address
from connector.ledger.project_ledger import ledger_of


def forget_simulator(project: Project, destination: DestinationSettings) -> None:
    """Delete the simulator's file, and what the ledger has of it, for all orchestrations and targets.

    Raises UsageError for a destination that does not go there, LockedError while another run does.
    """
    if destination.address != SIMULATOR:
        raise UsageError(
            f'--fresh forgets what the simulator was sent, and "{destination.name}" sends to {destination.address}: '
            "leave it out."
        )
    with ledger_of(project) as ledger:
        for run in ledger.runs.unfinished():
            is_held = ledger.is_held(project.state_directory, run.orchestration, run.target)
            if run.api_url == SIMULATOR and is_held:
                raise LockedError(f"Run {run.run_id} is sending to the simulator: wait for it, or stop it.")
        forget_address(ledger.database, SIMULATOR)
    for suffix in ("", "-wal", "-shm"):
        (project.state_directory / f"{SIMULATOR_FILE}{suffix}").unlink(missing_ok=True)
