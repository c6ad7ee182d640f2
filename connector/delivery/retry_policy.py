"""The retry policy: how often and for how long to send a batch again."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from connector.delivery.answer import Answer, Verdict


@dataclass(frozen=True, slots=True)
class Timing:
    """The sources of time and randomness, which tests replace."""

    clock: Callable[[], float] = time.monotonic
    """Returns the time in seconds."""
    sleep: Callable[[float], None] = time.sleep
    """Sleeps for some seconds."""
    chance: Callable[[], float] = random.random
    """Returns a random number within [0, 1)."""


REAL_TIME = Timing()


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Limits on the attempts for one batch. All times in seconds.

    The limits together have to stay below the time in which the destination recognises a repeated event.
    """

    max_attempts: int = 12
    """Attempts, those that were throttled not counted."""
    max_seconds: float = 900.0
    """Time from the first attempt, the wait for the rate limit and for a slot not counted."""
    first_wait: float = 0.5
    """The longest wait after the first failure; it doubles with each further one."""
    longest_wait: float = 10.0
    """The longest wait after any failure."""
    max_throttled_seconds: float = 3_600.0
    """Total wait after throttled answers, apart from the windows that the service named."""
    max_window_seconds: float = 90_000.0
    """Total of the windows that the service named in throttled answers, such as a minute or a day."""

    def backoff(self, failures: int, chance: float) -> float:
        """Return the seconds to wait after this many failures: exponential, with full jitter."""
        doublings = min(failures - 1, 32)
        return chance * min(self.longest_wait, self.first_wait * 2.0**doublings)


@dataclass(slots=True)
class Budget:
    """The part of a policy that one batch has used up."""

    policy: RetryPolicy
    timing: Timing
    failures: int = 0
    """Attempts that failed and were not throttled."""
    throttles: int = 0
    """Attempts that were throttled."""
    throttled: float = 0.0
    """Seconds of wait after throttled answers, windows not counted."""
    windows: float = 0.0
    """Seconds of windows that the service named."""
    admission_wait: float = 0.0
    """Seconds spent on the rate limit and on a slot, which do not count against `max_seconds`."""
    started: float = field(init=False)
    """When the budget was created, by the clock of `timing`."""

    def __post_init__(self) -> None:
        self.started = self.timing.clock()

    def wait_after(self, answer: Answer) -> float | None:
        """Return the seconds to wait before the next attempt, or None if none is left."""
        if answer.verdict is Verdict.THROTTLED:
            return self._wait_when_throttled(answer.wait)
        self.failures += 1
        wait = self.policy.backoff(self.failures, self.timing.chance())
        spent = self.timing.clock() - self.started - self.admission_wait
        exhausted = self.failures >= self.policy.max_attempts or spent + wait > self.policy.max_seconds
        return None if exhausted else wait

    def _wait_when_throttled(self, window: float | None) -> float | None:
        self.throttles += 1
        wait = self.policy.backoff(self.throttles, self.timing.chance())
        self.throttled += wait
        self.windows += window or 0.0
        self.admission_wait += wait
        too_long = self.throttled > self.policy.max_throttled_seconds
        return None if too_long or self.windows > self.policy.max_window_seconds else wait
