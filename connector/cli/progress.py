"""What a person sees while a run goes on: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock

from connector.cli.console import can_be_asked, counted, is_terminal, say, yes
from connector.observer import EVENT, Silent

SECONDS_BETWEEN_LINES = 5.0


class Watcher(Silent):
    """Remembers which runs began, or went on, and says nothing."""

    def __init__(self) -> None:
        self.run_ids: list[str] = []

    @property
    def run_id(self) -> str | None:
        """The run that is under way."""
        return self.run_ids[-1] if self.run_ids else None

    def started(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.started`."""
        self.run_ids.append(run_id)

    def resumed(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.resumed`."""
        self.run_ids.append(run_id)

    def asked(self, question: str, stop: Event) -> bool | None:
        """Whether a person says yes; None where there is none. Setting `stop` says no."""
        return None


class Lines(Watcher):
    """A line for each step, and one every few seconds within a step."""

    def __init__(self) -> None:
        super().__init__()
        self._lock, self._next, self._done, self._total = Lock(), 0.0, 0, 0

    def started(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.started`."""
        super().started(run_id, orchestration, target)
        self._done, self._total = 0, 0
        say(f"{orchestration}: run {run_id}, target {target}")
        self._next = time.monotonic() + SECONDS_BETWEEN_LINES

    def resumed(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.resumed`."""
        super().resumed(run_id, orchestration, target)
        self._done, self._total = 0, 0
        say(f"{orchestration}: going on with run {run_id}, target {target}")

    def read(self, rows: int) -> None:
        """See `Observer.read`."""
        self._now_and_then(f"read {rows:,} rows")

    def staged(self, events: int, requests: int, noun: str = EVENT) -> None:
        """See `Observer.staged`."""
        self._total = events
        say(f"staged {counted(events, noun)} for {counted(requests, 'request')}")

    def settled(self, events: int, noun: str = EVENT) -> None:
        """See `Observer.settled`."""
        with self._lock:
            self._done += events
            of_all = f" of {self._total:,}" if self._total else ""
            self._now_and_then(f"sent {self._done:,}{of_all} {noun}s")

    def note(self, sentence: str) -> None:
        """See `Observer.note`."""
        say(sentence)

    def simulated(self, lines: list[str]) -> None:
        """See `Observer.simulated`."""
        for line in lines:
            say(line)

    def _now_and_then(self, line: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SECONDS_BETWEEN_LINES
            say(line)


class ProgressBar(Lines):
    """A progress bar with the rate and what is left."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._since, self._sent_before = time.monotonic(), 0
        self._task = self._progress.add_task("reading", total=None, rate="")

    def started(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.started`."""
        super().started(run_id, orchestration, target)
        self._since, self._sent_before = time.monotonic(), 0
        self._progress.reset(self._task, total=None, description="reading", rate="")

    def read(self, rows: int) -> None:
        """See `Observer.read`."""
        if not self._total:
            self._show(rows)

    def staged(self, events: int, requests: int, noun: str = EVENT) -> None:
        """See `Observer.staged`."""
        self._total, self._sent_before, self._since = events, self._done, time.monotonic()
        self._progress.reset(self._task, total=events, completed=self._done, description="sending", rate="")

    def settled(self, events: int, noun: str = EVENT) -> None:
        """See `Observer.settled`."""
        with self._lock:
            self._done += events
            if self._total:
                self._show(self._done)

    def asked(self, question: str, stop: Event) -> bool | None:
        """See `Watcher.asked`."""
        if not can_be_asked():
            return None
        self.end()
        try:
            return yes(question, stop)
        finally:
            self.start()

    def start(self) -> None:
        """Shows the bar."""
        self._progress.start()

    def end(self) -> None:
        """Takes the bar away."""
        self._progress.stop()

    def _show(self, done: int) -> None:
        rate = (done - self._sent_before) / max(time.monotonic() - self._since, 1e-9)
        self._progress.update(self._task, completed=done, rate=f"{rate:,.0f}/s")


@contextmanager
def watching(*, quiet: bool) -> Iterator[Watcher]:
    """Whoever tells the user about a run: nobody when `quiet`."""
    if quiet:
        yield Watcher()
    elif is_terminal():
        bar = ProgressBar()
        bar.start()
        try:
            yield bar
        finally:
            bar.end()
    else:
        yield Lines()
