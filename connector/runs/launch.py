"""Execute a launch: a run that somebody asked another process for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from connector.config.project import Project
from connector.config.roles import Actor
from connector.destinations.confirmation import Agreement, Confirmation
from connector.errors import ConnectorError, UsageError
from connector.ledger.launches import Launch
from connector.ledger.project_ledger import ledger_of


@contextmanager
def executing_launch(
    project: Project, launch_id: str, command: str, orchestration: str | None
) -> Iterator[tuple[Project, Confirmation | None]]:
    """Yield the project, acting for whoever asked, and what that user agreed to; then record how the block ended.

    The block's run is the launch's: its id is recorded when it starts. Raises UsageError if there is no such launch for
    this command, or another process executes it or did.
    """
    launch = _begin(project, launch_id, command, orchestration)
    asked = launch.request
    agreed = asked.agreed
    agreement = Agreement(tuple(agreed.get("changes", ())), agreed.get("removals")) if agreed is not None else None
    try:
        yield (
            project.acting_for(Actor(asked.actor, asked.via, asked.peer, launch_id)),
            Confirmation(agreement=agreement) if agreement else None,
        )
    except BaseException as error:
        # The command line wraps an error that it has printed already.
        cause = getattr(error, "error", error)
        unexpected = f"The run ended unexpectedly ({type(cause).__name__})."
        _end(project, launch_id, cause.message if isinstance(cause, ConnectorError) else unexpected)
        raise
    _end(project, launch_id, None)


def _begin(project: Project, launch_id: str, command: str, orchestration: str | None) -> Launch:
    with ledger_of(project) as ledger:
        launch = ledger.launches.get(launch_id)
        if launch is None:
            raise UsageError(f'There is no launch "{launch_id}".')
        asked = launch.request
        if (asked.command, orchestration or asked.orchestration) != (command, asked.orchestration):
            raise UsageError(
                f"The launch {launch_id} is of `connector {asked.command}` for {asked.orchestration}, not of "
                f"`connector {command}`{f' for {orchestration}' if orchestration else ''}."
            )
        if asked.target != project.target and command == "run":
            raise UsageError(f"The launch {launch_id} is under the target {asked.target}, not {project.target}.")
        if not ledger.launches.begin(launch_id, os.getpid()):
            raise UsageError(f"The launch {launch_id} was executed already: ask for the run again.")
        return launch


def _end(project: Project, launch_id: str, error: str | None) -> None:
    """Record the end of a launch; if the ledger fails, the next process that looks at the launch does."""
    with suppress(ConnectorError), ledger_of(project) as ledger:
        ledger.launches.end(launch_id, error)
