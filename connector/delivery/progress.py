"""What the threads of one delivery know in common."""

from threading import Event, Lock

from connector.errors import ResumableError


class Progress:
    """How many batches the service took, and whether to go on. Safe to use from several threads."""

    def __init__(self, stop: Event) -> None:
        self._stop = stop
        self._lock = Lock()
        self._accepted = 0
        self._error: Exception | None = None
        self.probing = Lock()
        """Held by the one batch that finds out whether everything is refused."""

    @property
    def halted(self) -> bool:
        """No further request may leave."""
        return self._stop.is_set() or self._error is not None

    @property
    def accepted(self) -> int:
        """Batches, and parts of batches, that the service took so far."""
        return self._accepted

    def count_accepted(self) -> None:
        """The service took one more."""
        with self._lock:
            self._accepted += 1

    def halt(self, error: Exception) -> None:
        """Stop, for a reason; the first one given stands, but a fault of ours outranks it."""
        with self._lock:
            outranked = isinstance(self._error, ResumableError) and not isinstance(error, ResumableError)
            if self._error is None or outranked:
                self._error = error

    def raise_error(self) -> None:
        """Raise the reason for which the delivery stopped, if there is one."""
        if self._error is not None:
            raise self._error
