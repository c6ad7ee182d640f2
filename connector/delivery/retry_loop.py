"""A call that carries no batch, asked again until its answer is final or patience is at an end."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from connector.delivery.answer import Answer, Verdict
from connector.delivery.limiter import Limiter
from connector.delivery.policy import REAL_TIME, Budget, RetryPolicy, Timing

LONGEST_SLEEP = 0.2
"""Seconds after which a waiting call looks whether to stop."""

STOPPED = Answer(Verdict.RETRY, message="It was not asked, since it was to stop.")


@dataclass(frozen=True, slots=True)
class RetryLoop:
    """How patiently a call is made. One of these is shared by all calls that share a rate limit.

    Being throttled uses up no attempt, and the policy bounds it all the same. Setting `stop` ends the waiting.
    """

    policy: RetryPolicy
    limiter: Limiter
    timing: Timing = REAL_TIME
    stop: threading.Event = field(default_factory=threading.Event)

    def __call__(self, attempt: Callable[[], Answer], *, unknown: bool = True) -> Answer:
        """The last answer. Without `unknown` a call that may have been carried out is not made again."""
        budget, answer = Budget(self.policy, self.timing), STOPPED
        while self._admitted(budget):
            answer = attempt()
            wait = self._wait_after(answer, budget, unknown=unknown)
            if wait is None:
                break
            self._sleep(wait)
        return answer

    def _wait_after(self, answer: Answer, budget: Budget, *, unknown: bool) -> float | None:
        """Seconds until it is asked again; None: it is not."""
        if answer.verdict is Verdict.RETRY_NOW:
            return 0.0
        if answer.verdict is Verdict.THROTTLED:
            self.limiter.throttled(answer.wait)
        elif answer.verdict is not Verdict.RETRY and not (unknown and answer.verdict is Verdict.UNKNOWN):
            return None
        return budget.wait_after(answer)

    def _admitted(self, budget: Budget) -> bool:
        began = self.timing.clock()
        while not self.stop.is_set():
            wait = self.limiter.take()
            if wait <= 0:
                budget.held_back += self.timing.clock() - began
                return True
            self._sleep(wait)
        return False

    def _sleep(self, seconds: float) -> None:
        until = self.timing.clock() + seconds
        while (left := until - self.timing.clock()) > 0 and not self.stop.is_set():
            self.timing.sleep(min(left, LONGEST_SLEEP))
