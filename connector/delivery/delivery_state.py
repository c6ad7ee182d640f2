"""The state that the threads of one delivery share."""

from collections.abc import Callable
from threading import Event, Lock

from connector.errors import ResumableError


class DeliveryState:
    """The number of accepted batches, and the error that stops the delivery. Safe to use from several threads."""

    def __init__(self, stop: Event, accepted_by_others: Callable[[], int] = lambda: 0) -> None:
        self._stop, self.accepted_by_others = stop, accepted_by_others
        self._lock = Lock()
        self._accepted = 0
        self._error: Exception | None = None
        self.probing = Lock()
        """Held by the batch that probes whether every event is refused."""

    @property
    def halted(self) -> bool:
        """True if no further request may be sent."""
        return self._stop.is_set() or self._error is not None

    @property
    def accepted(self) -> int:
        """The number of batches, and parts of batches, that the service has accepted."""
        return self._accepted

    @property
    def is_any_accepted(self) -> bool:
        """True if the service has accepted anything, from this delivery or from another sender of the run."""
        return self._accepted > 0 or self.accepted_by_others() > 0

    def count_accepted(self) -> None:
        """Count one more accepted batch, or part of one."""
        with self._lock:
            self._accepted += 1

    def halt(self, error: Exception) -> None:
        """Stop the delivery with an error. The first error stays, unless it is resumable and a later one is not."""
        with self._lock:
            outranked = isinstance(self._error, ResumableError) and not isinstance(error, ResumableError)
            if self._error is None or outranked:
                self._error = error

    def raise_error(self) -> None:
        """Raise the error that stopped the delivery, if there is one."""
        if self._error is not None:
            raise self._error
