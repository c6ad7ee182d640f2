"""A service, a ledger and a clock for the delivery room: plain functions and memory, no mocks."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from connector.core.route import Route
from connector.delivery.answer import Answer, Verdict
from connector.delivery.batch import Batch, BatchState
from connector.delivery.limiter import AdaptiveLimiter, Limiter
from connector.delivery.retry_policy import RetryPolicy, Timing
from connector.delivery.sender import deliver

ROUTE = Route("offline", "7654321098765432109")


def checklist(route: Route) -> str:
    """What a destination for events asks to check."""
    return f"the event source id ({route.resource_type} {route.resource_id}), the advertiser id and the event name"


ACCEPTED = Answer(Verdict.ACCEPTED, 200, 0, "OK")
BUSY = Answer(Verdict.RETRY, 500, 50000, "System error")
THROTTLED = Answer(Verdict.THROTTLED, 401, 40100, "Too many requests")
REFUSED = Answer(Verdict.REFUSED, 400, 40002, "Invalid value for data.3.event_id: not a valid string.")
LOST = Answer(Verdict.UNKNOWN, message="No answer")
REVOKED = Answer(Verdict.STOP, 401, 40105, "The access token was revoked.")


def batch(number: int = 0, names: Iterable[str] = ("good",)) -> Batch:
    """A batch of one event for each name."""
    events = [json.dumps({"name": name}) for name in names]
    return Batch(number, ROUTE, len(events), len(events), ",".join(events).encode())


def names(part: Batch) -> list[str]:
    """The names of a batch's events."""
    return [event["name"] for event in json.loads(b"[" + bytes(part.payload) + b"]")]


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds

    @property
    def timing(self) -> Timing:
        """Chance always takes the longest wait, nearly."""
        return Timing(self, self.sleep, lambda: 0.999)


class CountingLimiter(AdaptiveLimiter):
    """The real one, which also counts the places it gave."""

    places = 0

    def take(self) -> float:
        wait = super().take()
        self.places += not wait
        return wait


@dataclass
class MemoryLedger:
    """A recorder that remembers everything, in order."""

    log: list[tuple[str, int]] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)
    outcomes: list[tuple[Batch, BatchState, Answer | None]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def sending(self, batch: Batch) -> None:
        with self.lock:
            self.log.append(("sending", batch.number))

    def answered(self, batch: Batch, answer: Answer, attempts: int) -> None:
        with self.lock:
            self.log.append((answer.verdict, batch.number))
            self.attempts.append(attempts)

    def outcome(self, batch: Batch, state: BatchState, answer: Answer | None) -> None:
        with self.lock:
            self.outcomes.append((batch, state, answer))

    def states(self) -> dict[int, BatchState]:
        """The state of each batch that was not cut."""
        return {batch.number: state for batch, state, _ in self.outcomes}

    def events(self, state: BatchState) -> list[str]:
        """The names of all events that came to that state."""
        return sorted(name for part, found, _ in self.outcomes if found is state for name in names(part))


def script(*answers: Answer) -> Callable[[Batch], Answer]:
    """A service that gives these answers one after the other."""
    left: Iterator[Answer] = iter(answers)
    return lambda _: next(left)


@dataclass
class Run:
    """One call of `deliver` with everything a test does not care about filled in."""

    attempt: Callable[[Batch], Answer]
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    max_in_flight: int = 1
    clock: Clock = field(default_factory=Clock)
    limiter: Limiter | None = None
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    stop: threading.Event = field(default_factory=threading.Event)
    others: Callable[[], int] = lambda: 0
    """The batches that other senders of the run had accepted since this one began."""

    def __call__(self, *batches: Batch) -> MemoryLedger:
        return self.over(batches)

    def over(self, batches: Iterable[Batch]) -> MemoryLedger:
        deliver(
            batches,
            self.attempt,
            policy=self.policy,
            limiter=self.limiter or AdaptiveLimiter(1000, self.clock),
            max_in_flight=self.max_in_flight,
            record=self.ledger,
            stop=self.stop,
            accepted_by_others=self.others,
            checklist=checklist,
            timing=self.clock.timing,
        )
        return self.ledger
