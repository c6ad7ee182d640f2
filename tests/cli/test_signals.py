"""A signal asks to stop whatever the process is doing at that moment."""

import subprocess
import sys

from tests.cli.command import environment

WITHIN_A_WAIT = """
import os, signal
from connector.cli.signals import stop_on_signals

with stop_on_signals(lambda: None) as stop:
    with stop._cond:
        os.kill(os.getpid(), signal.SIGINT)
    stop.wait(20)
    print(stop.is_set())
"""
"""For a moment of `stop.wait` the lock of the event is held; that moment is when the signal comes."""


def test_a_signal_within_a_wait_for_the_stop_is_heard() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHIN_A_WAIT],
        env=environment(None), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout == "True\n"
