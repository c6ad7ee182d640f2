"""Wait until a request may be sent, or between two attempts, without holding up a delivery that stops."""

from collections.abc import Callable
from dataclasses import dataclass

from connector.delivery.answer import Answer
from connector.delivery.concurrency import InFlight
from connector.delivery.limiter import Limiter
from connector.delivery.retry_policy import Budget, Timing

OnWait = Callable[[float, Answer], None]
"""Called before the wait between two attempts, with its seconds and the answer to the first of them."""

LONGEST_SLEEP = 0.2
"""Seconds after which a waiting thread checks whether to stop."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The guards of an attempt: a slot for concurrent requests, if they are limited, then the rate limit."""

    limiter: Limiter
    timing: Timing
    is_stopped: Callable[[], bool]
    in_flight: InFlight | None = None

    def admit(self, budget: Budget) -> bool:
        """Wait for a slot and for the rate limit and return True; return False if the delivery stops meanwhile.

        The rate limit comes last: its permit is lost unless the request is sent at once, and requests that gathered
        behind it would be sent together. Nothing waits for the rate limit in a slot that another request could use.
        """
        began = self.timing.clock()
        while not self.is_stopped():
            if self.in_flight and not self.in_flight.enter():
                self.in_flight.wait(LONGEST_SLEEP)
            elif (wait := self.limiter.take()) <= 0:
                budget.admission_wait += self.timing.clock() - began
                return True
            else:
                if self.in_flight:
                    self.in_flight.leave()
                self.sleep(wait)
        return False

    def sleep_after(self, answer: Answer, seconds: float, on_wait: OnWait | None) -> None:
        """Sleep between two attempts, and report it with the time for which the service admits nothing."""
        if on_wait and seconds:
            on_wait(seconds + (answer.wait or 0.0), answer)
        self.sleep(seconds)

    def sleep(self, seconds: float) -> None:
        """Sleep in short intervals, so that a delivery that stops is not held up."""
        until = self.timing.clock() + seconds
        while (left := until - self.timing.clock()) > 0 and not self.is_stopped():
            self.timing.sleep(min(left, LONGEST_SLEEP))
