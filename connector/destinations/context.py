"""What the steps of a run share: the project, its ledger, the lock that is held, and who observes."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from connector.config.destination import DestinationSettings
from connector.config.project import Project
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import run_directory
from connector.ledger.run_records import Scope
from connector.observer import Observer

if TYPE_CHECKING:
    from connector.ledger.locks import RunLock


@dataclass(frozen=True, slots=True)
class OtherLock:
    """Stands for the lock in a process that only sends a part of a run: the process that runs it holds the lock."""

    host: str
    holder: str = ""


@dataclass(frozen=True, slots=True)
class RunContext:
    """The right to run one orchestration of a project under its target."""

    project: Project
    ledger: Ledger
    lock: "RunLock | OtherLock"
    observer: Observer
    stop: threading.Event
    """Set when the run must end as soon as the requests in flight are answered."""

    stage: Path | None = None
    """The folder of the run's stage, for a process that only sends a part of it; None: that in the state folder."""

    def directory(self, run_id: str) -> Path:
        """Return the folder of a run's stage and its excluded rows."""
        return self.stage or run_directory(self.project, run_id)

    def scope(self, settings: DestinationSettings) -> Scope:
        """Return where what is delivered now counts."""
        return Scope(self.project.target, settings.address)
