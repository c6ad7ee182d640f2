"""Everything that the simulator knows, shared by its connections."""

import time
from collections.abc import Callable, Iterable
from itertools import count
from threading import Lock

from connector.simulator.accounts import Accounts
from connector.simulator.audience import Audience
from connector.simulator.faults import Fault
from connector.simulator.known import KnownEvents
from connector.simulator.messages import Ending, Response
from connector.simulator.rates import Rates
from connector.simulator.recording import Recording
from connector.simulator.strictness import STRICT, Strictness
from connector.simulator.strikes import Faults
from connector.simulator.tally import Tally


class World:
    """State of one simulator. `lock` is held while it is changed; `clock` gives Unix seconds."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        strictness: Strictness = STRICT,
        faults: Iterable[Fault] = (),
        recording: Recording | None = None,
    ) -> None:
        self.lock = Lock()
        self.strictness = strictness
        self.recording = recording
        self.faults = Faults(faults)
        self.accounts = Accounts(self.clock)
        self.ahead = 0.0
        """Seconds that the simulator's clock goes before the real one."""
        self._clock = clock
        self.started = clock()
        self._ids = count(int(self.started) * 1_000_000_000)
        self.forget()

    def forget(self) -> None:
        """Forget events, audiences and counts. Accounts and faults stay."""
        self.audiences: dict[str, Audience] = {}
        self.known = KnownEvents()
        self.rates = Rates()
        self.tally = Tally()

    def clock(self) -> float:
        """Unix seconds."""
        return self._clock() + self.ahead

    def new_id(self) -> str:
        """An id of 19 digits that nothing else has."""
        return str(next(self._ids))

    def snapshot(self) -> Tally:
        """A copy of the counts."""
        with self.lock:
            return self.tally.copy()

    def connected(self) -> None:
        """A client has connected."""
        with self.lock:
            self.tally.connections += 1

    def count_answer(self, response: Response) -> None:
        """A request was answered, or carried out without an answer, or torn down."""
        code = response.code if response.code is not None else response.status
        with self.lock:
            self.tally.requests += 1
            if code or response.ending is Ending.RESET:
                self.tally.refused += 1
                self.tally.refusals[str(code) if code else "reset"] += 1
