"""How patiently a batch is sent again."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from connector.delivery.answer import Answer, Verdict


@dataclass(frozen=True, slots=True)
class Timing:
    """Where time and chance come from. `sleep` and `clock` are in seconds, `chance` is within [0, 1)."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


REAL_TIME = Timing()


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds on what one batch may cost. All times in seconds.

    `max_attempts` and `max_seconds` hold for attempts that were not throttled and for the time not
    spent waiting for the rate limit or for a place in flight. Being throttled uses up no attempt, but
    a batch gives up after `max_throttled_seconds` of waiting without a named window, or
    `max_window_seconds` of windows that the service named (a minute, a day). Together they stay below
    the 48 hours in which TikTok recognises a repeated event.
    """

    max_attempts: int = 12
    max_seconds: float = 900.0
    first_wait: float = 0.5
    longest_wait: float = 10.0
    max_throttled_seconds: float = 3_600.0
    max_window_seconds: float = 90_000.0

    def backoff(self, failures: int, chance: float) -> float:
        """Seconds to wait after that many failures: exponential, with full jitter."""
        doublings = min(failures - 1, 32)
        return chance * min(self.longest_wait, self.first_wait * 2.0**doublings)


@dataclass(slots=True)
class Budget:
    """What one batch has used of its policy."""

    policy: RetryPolicy
    timing: Timing
    failures: int = 0
    throttles: int = 0
    throttled: float = 0.0
    windows: float = 0.0
    held_back: float = 0.0
    """Seconds spent on the rate limit and on a place in flight, which are not the batch's own."""
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.timing.clock()

    def wait_after(self, answer: Answer) -> float | None:
        """Seconds to wait before the next attempt, or None when there is none left."""
        if answer.verdict is Verdict.THROTTLED:
            return self._wait_when_throttled(answer.wait)
        self.failures += 1
        wait = self.policy.backoff(self.failures, self.timing.chance())
        spent = self.timing.clock() - self.started - self.held_back
        exhausted = self.failures >= self.policy.max_attempts or spent + wait > self.policy.max_seconds
        return None if exhausted else wait

    def _wait_when_throttled(self, window: float | None) -> float | None:
        self.throttles += 1
        wait = self.policy.backoff(self.throttles, self.timing.chance())
        self.throttled += wait
        self.windows += window or 0.0
        self.held_back += wait
        too_long = self.throttled > self.policy.max_throttled_seconds
        return None if too_long or self.windows > self.policy.max_window_seconds else wait
