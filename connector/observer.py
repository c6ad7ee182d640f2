"""What a run tells while it goes on."""

from typing import Protocol

EVENT, IDENTIFIER = "event", "identifier"
"""What is counted: a run of an audience sends identifiers."""


class Observer(Protocol):
    """Called as things happen, some of them from several threads."""

    def started(self, run_id: str, orchestration: str, target: str) -> None:
        """The run has begun."""

    def resumed(self, run_id: str, orchestration: str, target: str) -> None:
        """An earlier run goes on."""

    def read(self, rows: int) -> None:
        """So many rows have been read, checked and staged so far."""

    def staged(self, events: int, requests: int, noun: str = EVENT) -> None:
        """Everything is staged: so many events will be sent in at least so many requests; `noun` is what else it is."""

    def settled(self, events: int, noun: str = EVENT) -> None:
        """So many more events were delivered or refused; `noun` is what else it is."""

    def note(self, sentence: str) -> None:
        """Something that the user should know although the run goes on."""

    def simulated(self, lines: list[str]) -> None:
        """What the simulator inside the process received."""


class Silent:
    """Listens to nothing."""

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
