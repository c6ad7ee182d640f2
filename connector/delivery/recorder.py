"""The interface by which delivery reports requests and outcomes as they happen."""

from typing import Protocol

from connector.delivery.answer import Answer
from connector.delivery.batch import Batch, BatchState


class Recorder(Protocol):
    """Called from several threads at once; an exception raised here stops the run.

    The outcomes of a batch cover each of its events exactly once: one for the whole batch or, if the service
    refused it and it was cut, one for each part (`number`, `offset`, `events`).
    """

    def sending(self, batch: Batch) -> None:
        """Record that a request, the first or a repeated one, is about to be sent."""

    def answered(self, batch: Batch, answer: Answer, attempts: int) -> None:
        """Record an answer, or that none will arrive, after this many attempts."""

    def outcome(self, batch: Batch, state: BatchState, answer: Answer | None) -> None:
        """Record the outcome of `batch` in this run: delivered, refused (a single event), unknown or pending again.

        `answer` is the last answer to it; None if it was never sent.
        """
