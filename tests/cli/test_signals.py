"""A signal asks to stop whatever the process is doing at that moment."""

import os
import signal
import threading

from connector.cli.signals import stopped_by_signals

MANY = 300


def test_a_signal_within_a_wait_for_the_stop_is_heard() -> None:
    for turn in range(MANY):
        with stopped_by_signals(lambda: None) as stop:
            delay = threading.Timer(turn % 10 / 5_000, os.kill, (os.getpid(), signal.SIGINT))
            delay.start()
            while not stop.is_set():
                stop.wait(0.0002)
            delay.join()
