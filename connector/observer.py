"""The interface by which a run reports its progress."""

from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a run. As text, it is a sentence."""

    kind: str
    """`started`, `resumed`, `read`, `staged`, `settled`, `waiting` or `note`."""
    text: str
    """The sentence."""
    run_id: str | None = None
    """The run, if it is known by then."""
    rows: int = 0
    """Rows read so far, for `read`."""
    units: int = 0
    """Events or identifiers: to send for `staged`, further ones with an outcome for `settled`."""

    def __str__(self) -> str:
        return self.text


def observer_of(on_progress: Callable[[Progress], None] | Observer | None) -> Observer:
    """Return an observer that calls a function with each step; the same one if it is an observer."""
    if on_progress is None:
        return Silent()
    return _Reporter(on_progress) if callable(on_progress) else on_progress


class _Reporter:
    """Turns what an observer is told into progress."""

    def __init__(self, on_progress: Callable[[Progress], None]) -> None:
        self._report = on_progress
        self._run_id: str | None = None

    def _tell(self, kind: str, text: str, *, rows: int = 0, units: int = 0) -> None:
        self._report(Progress(kind, text, self._run_id, rows, units))

    def started(self, run_id: str, orchestration: str, target: str) -> None:
        self._run_id = run_id
        self._tell("started", f"{orchestration}: run {run_id} started (target {target}).")

    def resumed(self, run_id: str, orchestration: str, target: str) -> None:
        self._run_id = run_id
        self._tell("resumed", f"{orchestration}: run {run_id} resumed (target {target}).")

    def read(self, rows: int) -> None:
        self._tell("read", f"{rows:,} rows read.", rows=rows)

    def staged(self, events: int, requests: int, noun: str = "event") -> None:
        self._tell("staged", f"{events:,} {noun}s staged for at least {requests:,} requests.", units=events)

    def acknowledged(self, events: int, noun: str = "event") -> None:
        self._tell("settled", f"{events:,} more {noun}s delivered or refused.", units=events)

    def answered(self, request: "RequestRecord") -> None:
        """Report nothing: the outcome of its events follows."""

    def waiting(self, seconds: float, reason: str) -> None:
        self._tell("waiting", f"Retrying in {seconds:,.0f} s: {reason}")

    def note(self, sentence: str) -> None:
        self._tell("note", sentence)

    def simulated(self, lines: list[str]) -> None:
        self._tell("note", "\n".join(lines))
