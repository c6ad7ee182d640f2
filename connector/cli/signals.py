"""Signals: the first Ctrl-C or SIGTERM asks a run to stop, the second ends the process at once."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from connector.cli.console import is_terminal, say
from connector.cli.failures import INTERRUPTED

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_on_signals(leave_at_once: Callable[[], None]) -> Iterator[threading.Event]:
    """Yield an event that the first signal sets. A second signal calls `leave_at_once` and ends the process."""
    stop = threading.Event()
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            # In a thread: if the signal interrupts `stop.wait` of this thread, setting it here would deadlock.
            threading.Thread(target=stop.set, name="stop").start()
            if is_terminal():
                say("Stopping: waiting a few seconds for requests in flight. Press Ctrl+C again to stop at once.")
            return
        leave_at_once()
        sys.stdout.flush()
        os._exit(INTERRUPTED)

    before = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
