"""One batch, from its first request until its fate is known: retry ( place ( rate limit ( one attempt ) ) )."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from connector.delivery.answer import Answer, Verdict
from connector.delivery.batch import Batch, BatchState
from connector.delivery.concurrency import InFlight
from connector.delivery.limiter import Limiter
from connector.delivery.policy import Budget, RetryPolicy, Timing
from connector.delivery.progress import Progress
from connector.delivery.recorder import Recorder
from connector.errors import RejectedUniformly, ResumableError

Attempt = Callable[[Batch], Answer]
"""One request. Called from several threads; raises for nothing the service says or the network does."""

LONGEST_SLEEP = 0.2
"""Seconds after which a waiting thread looks whether to stop."""

TOO_LONG = "The service could not take what was sent for too long; the run can be resumed."
STOPPING = frozenset({Verdict.STOP, Verdict.EXPIRED_TOKEN})
FINAL = {
    Verdict.ACCEPTED: BatchState.DELIVERED,
    Verdict.REFUSED: BatchState.REFUSED,
    Verdict.BLOCKED: BatchState.REFUSED,
}


class BatchOutcome(NamedTuple):
    """What became of a batch, and the last answer it got (None: it was never sent)."""

    state: BatchState
    answer: Answer | None


@dataclass(frozen=True, slots=True)
class BatchSender:
    """Sends one batch at a time; shared by the threads of one delivery."""

    attempt: Attempt
    policy: RetryPolicy
    limiter: Limiter
    in_flight: InFlight
    record: Recorder
    progress: Progress
    timing: Timing

    def send(self, batch: Batch) -> BatchOutcome:
        """Repeat the request until the answer is final, the policy is exhausted or the delivery stops.

        The fate is pending when no request was taken for certain, unknown when one may have been.
        """
        budget = Budget(self.policy, self.timing)
        accepted_before, attempts, open_state = self.progress.accepted, 0, BatchState.PENDING
        answer: Answer | None = None
        while self._admitted(budget):
            attempts += 1
            answer = self._ask(batch, attempts)
            if answer.verdict in FINAL:
                return BatchOutcome(FINAL[answer.verdict], answer)
            if answer.verdict is Verdict.UNKNOWN:
                open_state = BatchState.UNKNOWN
            if not self._goes_on(answer, budget, accepted_before):
                break
        return BatchOutcome(open_state, answer)

    def _ask(self, batch: Batch, attempts: int) -> Answer:
        """One attempt. Whoever takes its place next leaves, or stays, knowing its answer."""
        verdict = None
        try:
            self.record.sending(batch)
            answer = self.attempt(batch)
            verdict = answer.verdict
            self.record.answered(batch, answer, attempts)
            self._heed(answer)
        finally:
            self.in_flight.leave(verdict)
        return answer

    def _heed(self, answer: Answer) -> None:
        """Tell the other threads what an answer means for them."""
        if answer.verdict is Verdict.ACCEPTED:
            self.progress.count_accepted()
        elif answer.verdict is Verdict.THROTTLED:
            self.limiter.throttled(answer.wait)
        elif answer.verdict in STOPPING:
            alike = answer.verdict is not Verdict.EXPIRED_TOKEN
            self.progress.halt((RejectedUniformly if alike else ResumableError)(answer.message))

    def _goes_on(self, answer: Answer, budget: Budget, accepted_before: int) -> bool:
        """Wait for the next attempt; False when there is to be none."""
        if answer.verdict in STOPPING:
            return False
        if answer.verdict is Verdict.RETRY_NOW:
            return True
        wait = budget.wait_after(answer)
        if wait is None:
            self._give_up(answer, accepted_before)
            return False
        self._sleep(wait)
        return True

    def _give_up(self, answer: Answer, accepted_before: int) -> None:
        """Stop the run, unless only this batch stays without an answer while others get theirs."""
        others_pass = self.progress.accepted > accepted_before
        if not (answer.verdict is Verdict.UNKNOWN and others_pass):
            self.progress.halt(ResumableError(f"{TOO_LONG} {answer.message}"))

    def _admitted(self, budget: Budget) -> bool:
        """Wait for a place in flight and under the rate limit; False when the delivery stops meanwhile.

        The rate limit comes last: what it gave is lost unless the request leaves at once, and requests
        that gathered behind it would leave together. Nobody waits for it in a place another could use.
        """
        began = self.timing.clock()
        while not self.progress.halted:
            if not self.in_flight.enter():
                self.in_flight.wait(LONGEST_SLEEP)
            elif (wait := self.limiter.take()) <= 0:
                budget.held_back += self.timing.clock() - began
                return True
            else:
                self.in_flight.leave()
                self._sleep(wait)
        return False

    def _sleep(self, seconds: float) -> None:
        """Sleep in short stretches, so that a delivery that stops is not held up."""
        until = self.timing.clock() + seconds
        while (left := until - self.timing.clock()) > 0 and not self.progress.halted:
            self.timing.sleep(min(left, LONGEST_SLEEP))
