"""The ledger, opened once for the life of the console."""

from contextlib import ExitStack
from threading import Lock

from connector.config.project import Project
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import ledger_of


class LedgerSource:
    """Opens the ledger when a page first needs it, and again if the settings name another one."""

    def __init__(self) -> None:
        self._lock, self._stack = Lock(), ExitStack()
        self._url = ""
        self._ledger: Ledger | None = None

    def of(self, project: Project) -> Ledger:
        """Return the open ledger of a project. Raises ConnectorError."""
        url = project.ledger_url
        with self._lock:
            if self._ledger is None or url != self._url:
                # The one before is closed at the end: pages that read it may still be under way.
                self._ledger, self._url = self._stack.enter_context(ledger_of(project)), url
            return self._ledger

    @property
    def opened(self) -> Ledger | None:
        """The ledger, if a page has needed it already."""
        return self._ledger

    def close(self) -> None:
        """Close every ledger that was opened."""
        self._stack.close()
