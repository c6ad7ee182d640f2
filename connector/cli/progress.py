"""Progress of a run: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock
from typing import TYPE_CHECKING

from connector.cli.console import Level, confirm, is_interactive, is_json, is_printed, is_terminal, pluralize, say
from connector.observer import EVENT, Silent

if TYPE_CHECKING:
    from connector.ledger.batch_records import RequestRecord

SECONDS_BETWEEN_LINES = 5.0
SHORTEST_WAIT = 1.0
"""Seconds; a shorter wait before a request is repeated is not reported."""
ROW = "row"


class QuietObserver(Silent):
    """Collect the ids of the runs that were started or resumed, and print nothing."""

    def __init__(self) -> None:
        self.run_ids: list[str] = []

    @property
    def run_id(self) -> str | None:
        """The run in progress."""
        return self.run_ids[-1] if self.run_ids else None

    def started(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.started`."""
        self.run_ids.append(run_id)

    def resumed(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.resumed`."""
        self.run_ids.append(run_id)

    def asked(self, question: str, stop: Event) -> bool | None:
        """Ask the user to confirm; return None if nobody can answer. Setting `stop` is a no."""
        return None


class LineObserver(QuietObserver):
    """Print a line for each step, and one every few seconds within a step."""

    def __init__(self) -> None:
        super().__init__()
        self._lock, self._next_line, self._done, self._total = Lock(), 0.0, 0, 0
        self._next_wait_line = 0.0

    def started(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.started`."""
        super().started(run_id, orchestration, target)
        self._done, self._total = 0, 0
        self._start_line("run", run_id, orchestration, target)
        self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES

    def resumed(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.resumed`."""
        super().resumed(run_id, orchestration, target)
        self._done, self._total = 0, 0
        self._start_line("resuming run", run_id, orchestration, target)

    def read(self, rows: int) -> None:
        """See `Observer.read`."""
        self._say_sometimes(f"read {rows:,} rows", rows=rows)

    def staged(self, events: int, requests: int, noun: str = EVENT) -> None:
        """See `Observer.staged`."""
        self._total = events
        text = f"staged {pluralize(events, noun)} for {pluralize(requests, 'request')}"
        say(text, fields={"run_id": self.run_id, "staged": events, "requests": requests})

    def acknowledged(self, events: int, noun: str = EVENT) -> None:
        """See `Observer.acknowledged`."""
        with self._lock:
            self._done += events
            of_all = f" of {self._total:,}" if self._total else ""
            if self._done != self._total:
                # The summary follows the last ones at once.
                self._say_sometimes(f"sent {self._done:,}{of_all} {noun}s", sent=self._done)

    def asked(self, question: str, stop: Event) -> bool | None:
        """See `QuietObserver.asked`."""
        return confirm(question, stop) if is_interactive() else None

    def answered(self, request: "RequestRecord") -> None:
        """See `Observer.answered`."""
        if is_printed(Level.DEBUG):
            say(_answer_line(request), Level.DEBUG, {"run_id": self.run_id, **request.as_json()})

    def waiting(self, seconds: float, reason: str) -> None:
        """See `Observer.waiting`."""
        with self._lock:
            if seconds >= SHORTEST_WAIT and time.monotonic() >= self._next_wait_line:
                self._next_wait_line = time.monotonic() + SECONDS_BETWEEN_LINES
                say(_wait_text(seconds, reason), fields={"run_id": self.run_id, "seconds": round(seconds, 1)})

    def note(self, sentence: str) -> None:
        """See `Observer.note`."""
        say(sentence, fields={"run_id": self.run_id})

    def simulated(self, lines: list[str]) -> None:
        """See `Observer.simulated`."""
        for line in lines:
            say(line, fields={"run_id": self.run_id})

    def _start_line(self, verb: str, run_id: str, orchestration: str, target: str) -> None:
        fields = {"run_id": run_id, "orchestration": orchestration, "target": target}
        say(f"{orchestration}: {verb} {run_id}, target {target}", fields=fields)

    def _say_sometimes(self, line: str, **counts: int) -> None:
        if time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
            say(line, fields={"run_id": self.run_id, **counts})


class ProgressBar(LineObserver):
    """Display a progress bar with the rate and the remaining time."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.table import Column

        self._progress = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True, overflow="ellipsis")),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[count]}", table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[rate]}", table_column=Column(no_wrap=True)),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            transient=True,
        )
        self._since, self._sent_before = time.monotonic(), 0
        self._noun = ROW
        self._task = self._progress.add_task("reading", total=None, rate="", count="")

    def started(self, run_id: str, orchestration: str, target: str) -> None:
        """See `Observer.started`."""
        super().started(run_id, orchestration, target)
        self._since, self._sent_before = time.monotonic(), 0
        self._noun = ROW
        self._progress.reset(self._task, total=None, description="reading", rate="", count="")

    def read(self, rows: int) -> None:
        """See `Observer.read`."""
        if not self._total:
            self._update(rows)

    def staged(self, events: int, requests: int, noun: str = EVENT) -> None:
        """See `Observer.staged`."""
        self._total, self._sent_before, self._since = events, self._done, time.monotonic()
        self._noun = noun
        self._progress.reset(self._task, total=events, completed=self._done, description="sending", rate="", count="")

    def acknowledged(self, events: int, noun: str = EVENT) -> None:
        """See `Observer.acknowledged`."""
        with self._lock:
            self._done += events
            if self._total:
                self._update(self._done)

    def waiting(self, seconds: float, reason: str) -> None:
        """See `Observer.waiting`."""
        if seconds >= SHORTEST_WAIT:
            self._progress.update(self._task, description=_wait_text(seconds, reason))

    def asked(self, question: str, stop: Event) -> bool | None:
        """See `QuietObserver.asked`."""
        self.end()
        try:
            return super().asked(question, stop)
        finally:
            self.start()

    def start(self) -> None:
        """Display the bar."""
        self._progress.start()

    def end(self) -> None:
        """Remove the bar."""
        self._progress.stop()

    def _update(self, done: int) -> None:
        rate = (done - self._sent_before) / max(time.monotonic() - self._since, 1e-9)
        texts = {
            "description": "sending" if self._total else "reading",
            "count": count_text(done, self._total, self._noun),
            "rate": f"{rate:,.0f}/s",
        }
        self._progress.update(self._task, completed=done, **texts)  # type: ignore[arg-type]


def count_text(done: int, total: int, noun: str) -> str:
    """Write how many are done, such as `1,200 of 3,000 events`, or `1,200 rows` if the total is not known."""
    return f"{done:,} of {pluralize(total, noun)}" if total else pluralize(done, noun)


def _wait_text(seconds: float, reason: str) -> str:
    return f"retrying in {seconds:,.0f} s: {reason.rstrip('.')}"


def _answer_line(request: "RequestRecord") -> str:
    """Describe a request and its answer in one line."""
    code = "" if request.code is None else f", code {request.code}"
    status = f"HTTP {request.http_status}{code}" if request.http_status else "no answer"
    texts = (request.request_id and f"request id {request.request_id}", request.message)
    where = f"batch {request.batch}, attempt {request.attempt}: {request.verdict}, {status}, {request.seconds:.3f} s"
    return ", ".join([where, *filter(None, texts)])


@contextmanager
def progress_observer(*, quiet: bool) -> Iterator[QuietObserver]:
    """Yield the observer that prints the progress of a run; it prints nothing if `quiet`."""
    if quiet:
        yield QuietObserver()
    elif is_terminal() and is_printed(Level.INFO) and not is_json():
        bar = ProgressBar()
        bar.start()
        try:
            yield bar
        finally:
            bar.end()
    else:
        yield LineObserver()
