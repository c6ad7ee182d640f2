"""Send one batch until its outcome is known: retry ( slot ( rate limit ( one attempt ) ) )."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from connector.delivery.admission import Admission, OnWait
from connector.delivery.answer import Answer, Verdict
from connector.delivery.batch import Batch, BatchState
from connector.delivery.concurrency import InFlight
from connector.delivery.delivery_state import DeliveryState
from connector.delivery.limiter import Limiter
from connector.delivery.recorder import Recorder
from connector.delivery.retry_policy import Budget, RetryPolicy, Timing
from connector.errors import RejectedUniformly, ResumableError

Attempt = Callable[[Batch], Answer]
"""One request. Called from several threads; raises nothing for an answer of the service or a network failure."""

UNAVAILABLE = "The service did not accept the batch for too long. Run `connector resume` later to send the rest."
STOPPING = frozenset({Verdict.STOP, Verdict.EXPIRED_TOKEN})
FINAL = {
    Verdict.ACCEPTED: BatchState.DELIVERED,
    Verdict.REFUSED: BatchState.REFUSED,
    Verdict.BLOCKED: BatchState.REFUSED,
}


class BatchOutcome(NamedTuple):
    """The state of a batch after its attempts, and the last answer (None: it was never sent)."""

    state: BatchState
    answer: Answer | None


@dataclass(frozen=True, slots=True)
class BatchSender:
    """Sends one batch at a time; the threads of one delivery share it."""

    attempt: Attempt
    policy: RetryPolicy
    limiter: Limiter
    in_flight: InFlight
    record: Recorder
    state: DeliveryState
    timing: Timing
    on_wait: OnWait | None = None

    def send(self, batch: Batch) -> BatchOutcome:
        """Repeat the request until the answer is final, the policy is exhausted or the delivery stops.

        Without a final answer the batch is unknown if a request may have been accepted, else pending.
        """
        admission = Admission(self.limiter, self.timing, lambda: self.state.halted, self.in_flight)
        budget = Budget(self.policy, self.timing)
        accepted_before, attempts, open_state = self.state.accepted, 0, BatchState.PENDING
        others_before: int | None = None
        answer: Answer | None = None
        while admission.admit(budget):
            attempts += 1
            answer = self._request(batch, attempts)
            if answer.verdict in FINAL:
                return BatchOutcome(FINAL[answer.verdict], answer)
            if answer.verdict is Verdict.UNKNOWN:
                open_state = BatchState.UNKNOWN
            if others_before is None:
                others_before = self.state.accepted_by_others()
            wait = self._wait_after(answer, budget, accepted_before + others_before)
            if wait is None:
                break
            admission.sleep_after(answer, wait, self.on_wait)
        return BatchOutcome(open_state, answer)

    def _request(self, batch: Batch, attempts: int) -> Answer:
        """Make one attempt. Release the slot last, so that whoever takes it next acts on the answer."""
        verdict = None
        try:
            self.record.sending(batch)
            answer = self.attempt(batch)
            verdict = answer.verdict
            self.record.answered(batch, answer, attempts)
            self._share(answer)
        finally:
            self.in_flight.leave(verdict)
        return answer

    def _share(self, answer: Answer) -> None:
        """Apply to the other threads what an answer means for them."""
        if answer.verdict is Verdict.ACCEPTED:
            self.state.count_accepted()
        elif answer.verdict is Verdict.THROTTLED:
            self.limiter.throttled(answer.wait)
        elif answer.verdict in STOPPING:
            is_uniform = answer.verdict is not Verdict.EXPIRED_TOKEN
            self.state.halt((RejectedUniformly if is_uniform else ResumableError)(answer.message))

    def _wait_after(self, answer: Answer, budget: Budget, accepted_before: int) -> float | None:
        """Return the seconds to wait before the next attempt; None if there is none."""
        if answer.verdict in STOPPING:
            return None
        if answer.verdict is Verdict.RETRY_NOW:
            return 0.0
        wait = budget.wait_after(answer)
        if wait is None:
            self._give_up(answer, accepted_before)
        return wait

    def _give_up(self, answer: Answer, accepted_before: int) -> None:
        """Stop the delivery, unless only this batch stays without an answer while others are accepted."""
        others_pass = self.state.accepted + self.state.accepted_by_others() > accepted_before
        if not (answer.verdict is Verdict.UNKNOWN and others_pass):
            self.state.halt(ResumableError(f"{UNAVAILABLE} {answer.message}"))
