"""Hold what the steps of a run share: the lock of its orchestration, and an observer that stores its progress."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from connector.config.project import Project
from connector.destinations.context import RunContext
from connector.errors import ConnectorError
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import ledger_of
from connector.observer import EVENT, Observer

if TYPE_CHECKING:
    from connector.ledger.batch_records import RequestRecord

SECONDS_BETWEEN_WRITES = 1.0
"""A run that ends sooner writes nothing."""
READING, SENDING = "reading", "sending"


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


class ForwardingObserver:
    """An observer that passes every call on to another one."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def started(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.started`."""
        self._observer.started(run_id, orchestration, target)

    def resumed(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.resumed`."""
        self._observer.resumed(run_id, orchestration, target)

    def read(self, rows: int) -> None:
        """See `Observer.read`."""
        self._observer.read(rows)

    def staged(self, events: int, requests: int, noun: str = EVENT) -> None:
        """See `Observer.staged`."""
        self._observer.staged(events, requests, noun)

    def acknowledged(self, events: int, noun: str = EVENT) -> None:
        """See `Observer.acknowledged`."""
        self._observer.acknowledged(events, noun)

    def answered(self, request: "RequestRecord") -> None:
        """See `Observer.answered`."""
        self._observer.answered(request)

    def waiting(self, seconds: float, reason: str) -> None:
        """See `Observer.waiting`."""
        self._observer.waiting(seconds, reason)

    def note(self, sentence: str) -> None:
        """See `Observer.note`."""
        self._observer.note(sentence)

    def simulated(self, lines: list[str]) -> None:
        """See `Observer.simulated`."""
        self._observer.simulated(lines)


class ProgressRecorder(ForwardingObserver):
    """Counts what an observer is told of a run, and passes the id of each run to `on_run` first."""

    def __init__(self, observer: Observer, on_run: Callable[[str], None]) -> None:
        super().__init__(observer)
        self._lock, self._on_run = threading.Lock(), on_run
        self._restart(None)

    def _restart(self, run_id: str | None) -> None:
        if run_id is not None:
            self._on_run(run_id)
        with self._lock:
            self.run_id = run_id
            self._phase, self._unit, self._rows = READING, EVENT, 0
            self._total: int | None = None
            self._done = self._refused = self._retried = 0

    def started(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.started`."""
        self._restart(run_id)
        super().started(run_id, orchestration, target)

    def resumed(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.resumed`."""
        self._restart(run_id)
        super().resumed(run_id, orchestration, target)

    def read(self, rows: int) -> None:
        """See `Observer.read`."""
        self._rows = rows
        super().read(rows)

    def staged(self, events: int, requests: int, noun: str = EVENT) -> None:
        """See `Observer.staged`."""
        with self._lock:
            self._phase, self._unit, self._total = SENDING, noun, events
        super().staged(events, requests, noun)

    def acknowledged(self, events: int, noun: str = EVENT) -> None:
        """See `Observer.acknowledged`."""
        with self._lock:
            self._unit = noun
            self._done += events
        super().acknowledged(events, noun)

    def answered(self, request: "RequestRecord") -> None:
        """See `Observer.answered`. A refused request with several events is divided: it refuses none of them."""
        with self._lock:
            self._retried += request.attempt > 1
            self._refused += request.verdict == "refused" and request.events == 1
        super().answered(request)

    def counts(self) -> dict[str, str | int | None]:
        """Return the values of the table `progress`."""
        with self._lock:
            return {
                "phase": self._phase,
                "unit": self._unit,
                "rows_read": self._rows,
                "total": self._total,
                "done": self._done,
                "refused": self._refused,
                "retried": self._retried,
            }


@contextmanager
def recording(
    ledger: Ledger, observer: Observer, stop: threading.Event, launch: str | None = None
) -> Iterator[Observer]:
    """Yield an observer whose counts are stored once a second until the block ends; `launch` gets the ids of the runs.

    Sets `stop` if the ledger asks the run to stop. A ledger that fails for a while is asked again later.
    """

    def set_run(run_id: str) -> None:
        if launch is not None:
            ledger.launches.set_run(launch, run_id)

    recorder, ended = ProgressRecorder(observer, set_run), threading.Event()

    def write() -> None:
        stored: object = None
        while not ended.wait(SECONDS_BETWEEN_WRITES):
            if (run_id := recorder.run_id) is None:
                continue
            counts = recorder.counts()
            with suppress(ConnectorError):
                if ledger.runs.record_progress(run_id, counts if (run_id, counts) != stored else None):
                    stop.set()
                stored = (run_id, counts)

    thread = threading.Thread(target=write, name="progress", daemon=True)
    thread.start()
    try:
        yield recorder
    finally:
        ended.set()
        thread.join()
