"""Lock an orchestration while a run executes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from connector.config.project import Project
from connector.destinations.context import RunContext
from connector.ledger.project_ledger import ledger_of
from connector.observer import Observer
from connector.runs.progress import recording


@contextmanager
def run_context(project: Project, name: str, observer: Observer, stop: threading.Event) -> Iterator[RunContext]:
    """Lock the orchestration until the block ends. Raises LockedError if another process holds it."""
    launch = project.actor.launch if project.actor else None
    with (
        ledger_of(project) as ledger,
        ledger.lock(project.state_directory, name, project.target) as lock,
        recording(ledger, observer, stop, launch) as recorder,
    ):
        yield RunContext(project, ledger, lock, recorder, stop)
