"""What delivery tells the ledger, as it happens."""

from typing import Protocol

from connector.delivery.answer import Answer
from connector.delivery.batch import Batch, BatchState


class Recorder(Protocol):
    """Called from several threads at once; an exception raised here stops the run.

    Every batch taken gets outcomes that cover each of its events exactly once: one for the whole,
    or, where the service refused it and it was cut, one for each part (`number`, `offset`, `events`).
    """

    def sending(self, batch: Batch) -> None:
        """A request is about to leave, be it the first or a repeated one."""

    def answered(self, batch: Batch, answer: Answer, attempts: int) -> None:
        """An answer came, or is known not to come; `attempts` requests were made for it so far."""

    def outcome(self, batch: Batch, state: BatchState, answer: Answer | None) -> None:
        """The fate of `batch` in this run: delivered, refused (a single event), unknown, or pending again.

        `answer` is the last one it got; None when it was never sent.
        """
