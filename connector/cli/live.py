"""What a person sees of the simulator: a view that renews itself on a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Iterator

from connector.cli.console import is_terminal, say
from connector.simulator.server import Simulator
from connector.simulator.tally import Tally, detailed_summary

SECONDS_BETWEEN_LOOKS = 0.25
SECONDS_BETWEEN_LINES = 5.0


def watch(simulator: Simulator, stop: threading.Event, *, quiet: bool = False) -> None:
    """Tell what arrives until `stop` is set, then everything once more; violations at once, even when `quiet`."""
    if is_terminal() and not quiet:
        _renew(simulator, stop)
    else:
        _tell(simulator, stop, quiet=quiet)
    if not quiet:
        for line in detailed_summary(simulator.tally):
            say(line)


def _renew(simulator: Simulator, stop: threading.Event) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    def screen() -> Text:
        head = Text(f"{simulator.url}  Ctrl-C ends it\n", style="bold")
        for line in detailed_summary(simulator.tally):
            head.append(f"{line}\n", style="bold red" if "VIOLATION" in line else "")
        return head

    with Live(screen(), console=Console(stderr=True), auto_refresh=False, transient=True) as live:
        while not stop.wait(SECONDS_BETWEEN_LOOKS):
            live.update(screen(), refresh=True)


def _tell(simulator: Simulator, stop: threading.Event, *, quiet: bool) -> None:
    told, due = Tally(), time.monotonic()
    while not stop.wait(SECONDS_BETWEEN_LOOKS):
        tally = simulator.tally
        for line in violated(told, tally):
            say(line)
        told.violations = tally.violations
        if not quiet and tally.requests > told.requests and time.monotonic() >= due:
            say(next(detailed_summary(tally)))
            told, due = tally, time.monotonic() + SECONDS_BETWEEN_LINES


def violated(before: Tally, after: Tally) -> Iterator[str]:
    """A line for each kind of violation that there are more of."""
    for what, values in after.violations.items():
        if values > before.violations[what]:
            yield f"VIOLATION: {what}: {values:,} in all"
