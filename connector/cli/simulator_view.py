"""Display of the simulator: a view that updates itself on a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Iterator

from connector.cli.console import Level, is_terminal, say
from connector.simulator.server import Simulator
from connector.simulator.tally import Tally, detailed_summary

SECONDS_BETWEEN_UPDATES = 0.25
SECONDS_BETWEEN_LINES = 5.0


def display(simulator: Simulator, stop: threading.Event, *, quiet: bool = False) -> None:
    """Print what arrives until `stop` is set, then a summary; print violations at once, even when `quiet`."""
    if is_terminal() and not quiet:
        _update_screen(simulator, stop)
    else:
        _print_lines(simulator, stop, quiet=quiet)
    if not quiet:
        for line in detailed_summary(simulator.tally):
            say(line)


def _update_screen(simulator: Simulator, stop: threading.Event) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    def screen() -> Text:
        head = Text(f"{simulator.url}  Ctrl-C ends it\n", style="bold")
        for line in detailed_summary(simulator.tally):
            head.append(f"{line}\n", style="bold red" if "VIOLATION" in line else "")
        return head

    with Live(screen(), console=Console(stderr=True), auto_refresh=False, transient=True) as live:
        while not stop.wait(SECONDS_BETWEEN_UPDATES):
            live.update(screen(), refresh=True)


def _print_lines(simulator: Simulator, stop: threading.Event, *, quiet: bool) -> None:
    printed, due = Tally(), time.monotonic()
    while not stop.wait(SECONDS_BETWEEN_UPDATES):
        tally = simulator.tally
        for line in new_violations(printed, tally):
            say(line, Level.WARNING)
        printed.violations = tally.violations
        if not quiet and tally.requests > printed.requests and time.monotonic() >= due:
            say(next(detailed_summary(tally)))
            printed, due = tally, time.monotonic() + SECONDS_BETWEEN_LINES


def new_violations(before: Tally, after: Tally) -> Iterator[str]:
    """Yield a line for each kind of violation whose count has grown."""
    for kind, count in after.violations.items():
        if count > before.violations[kind]:
            yield f"VIOLATION: {kind}: {count:,} in all"
