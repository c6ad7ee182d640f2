"""What a run tells while it goes on."""

from typing import Protocol

EVENT, IDENTIFIER = "event", "identifier"
"""What is counted: a run of an audience sends identifiers."""


class Observer(Protocol):
    """Is called as things happen, from several threads."""

    def started(self, run_id: str, orchestration: str, target: str) -> None:
        """Report that a run has started."""

    def resumed(self, run_id: str, orchestration: str, target: str) -> None:
        """Report that an earlier run is resumed."""

    def read(self, rows: int) -> None:
        """Report how many rows were read, checked and staged so far."""

    def staged(self, events: int, requests: int, noun: str = EVENT) -> None:
        """Report that all is staged: how many events will be sent in at least how many requests; `noun` names them."""

    def settled(self, events: int, noun: str = EVENT) -> None:
        """Report that so many more events were delivered or refused; `noun` names them."""

    def note(self, sentence: str) -> None:
        """Report a sentence that the user should know although the run continues."""

    def simulated(self, lines: list[str]) -> None:
        """Report what the simulator inside the process received."""


class Silent:
    """Ignore every call."""

    def started(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.started`."""

    def resumed(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.resumed`."""

    def read(self, rows: int) -> None:
        """See `Observer.read`."""

    def staged(self, events: int, requests: int, noun: str = EVENT) -> None:
        """See `Observer.staged`."""

    def settled(self, events: int, noun: str = EVENT) -> None:
        """See `Observer.settled`."""

    def simulated(self, lines: list[str]) -> None:
        """See `Observer.simulated`."""

    def note(self, sentence: str) -> None:
        """See `Observer.note`."""
