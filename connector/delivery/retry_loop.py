"""Repeat a call that carries no batch until its answer is final or the policy is exhausted."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from connector.delivery.admission import Admission, OnWait
from connector.delivery.answer import Answer, Verdict
from connector.delivery.limiter import Limiter
from connector.delivery.retry_policy import REAL_TIME, Budget, RetryPolicy, Timing

STOPPED = Answer(Verdict.RETRY, message="The request was not sent: the command is stopping.")


@dataclass(frozen=True, slots=True)
class RetryLoop:
    """The retry policy and the rate limit that several calls share.

    Being throttled uses up no attempt; the policy limits it separately. Setting `stop` ends any wait.
    """

    policy: RetryPolicy
    limiter: Limiter
    timing: Timing = REAL_TIME
    stop: threading.Event = field(default_factory=threading.Event)
    on_wait: OnWait | None = None

    def __call__(self, attempt: Callable[[], Answer], *, unknown: bool = True) -> Answer:
        """Return the last answer. Without `unknown`, do not repeat a call that may have been carried out."""
        admission = Admission(self.limiter, self.timing, self.stop.is_set)
        budget, answer = Budget(self.policy, self.timing), STOPPED
        while admission.admit(budget):
            answer = attempt()
            wait = self._wait_after(answer, budget, unknown=unknown)
            if wait is None:
                break
            admission.sleep_after(answer, wait, self.on_wait)
        return answer

    def _wait_after(self, answer: Answer, budget: Budget, *, unknown: bool) -> float | None:
        """Return the seconds to wait before the next attempt; None if there is none."""
        if answer.verdict is Verdict.RETRY_NOW:
            return 0.0
        if answer.verdict is Verdict.THROTTLED:
            self.limiter.throttled(answer.wait)
        elif answer.verdict is not Verdict.RETRY and not (unknown and answer.verdict is Verdict.UNKNOWN):
            return None
        return budget.wait_after(answer)
