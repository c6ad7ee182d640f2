"""The interface by which a run reports its progress."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from connector.ledger.batch_records import RequestRecord

EVENT, IDENTIFIER = "event", "identifier"
"""The nouns for counts in messages: runs of audiences send identifiers."""


class Observer(Protocol):
    """Receives the progress of a run as it happens. Called from several threads."""

    def started(self, run_id: str, orchestration: str, target: str) -> None:
        """Report that a run has started."""

    def resumed(self, run_id: str, orchestration: str, target: str) -> None:
        """Report that an earlier run is resumed."""

    def read(self, rows: int) -> None:
        """Report the number of rows that were read, checked and staged so far."""

    def staged(self, events: int, requests: int, noun: str = EVENT) -> None:
        """Report that staging is complete: the number of events to send, called `noun`, and of requests at least."""

    def acknowledged(self, events: int, noun: str = EVENT) -> None:
        """Report the number of further events, called `noun`, that were delivered or refused."""

    def answered(self, request: "RequestRecord") -> None:
        """Report a request with its answer, or that none will arrive."""

    def waiting(self, seconds: float, reason: str) -> None:
        """Report that a request waits before it is repeated, and why."""

    def note(self, sentence: str) -> None:
        """Report a message for the user while the run continues."""

    def simulated(self, lines: list[str]) -> None:
        """Report the requests that the simulator in this process received."""


class Silent:
    """An observer that ignores every call."""

    def started(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.started`."""

    def resumed(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.resumed`."""

    def read(self, rows: int) -> None:
        """See `Observer.read`."""

    def staged(self, events: int, requests: int, noun: str = EVENT) -> None:
        """See `Observer.staged`."""

    def acknowledged(self, events: int, noun: str = EVENT) -> None:
        """See `Observer.acknowledged`."""

    def answered(self, request: "RequestRecord") -> None:
        """See `Observer.answered`."""

    def waiting(self, seconds: float, reason: str) -> None:
        """See `Observer.waiting`."""

    def simulated(self, lines: list[str]) -> None:
        """See `Observer.simulated`."""

    def note(self, sentence: str) -> None:
        """See `Observer.note`."""
