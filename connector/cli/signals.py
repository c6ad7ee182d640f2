"""Ctrl-C and SIGTERM ask a run to stop; a second time, the process ends at once."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from connector.cli.console import is_terminal, say

INTERRUPTED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopped_by_signals(leave_at_once: Callable[[], None]) -> Iterator[threading.Event]:
    """An event that the first signal sets. A second one calls `leave_at_once` and waits for nothing more."""
    stop = threading.Event()
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:
            asked = True
            # From a thread: where the signal comes while this one is within `stop.wait`, it would wait for itself.
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
