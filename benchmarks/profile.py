"""Where the CPU time of a run goes: each thread's clock is read around the product's parts.

A part that is called within another counts for itself and not for the other, so that all of them, with what is left
of Python's threads and what DuckDB and Arrow do in threads of their own, add up to what the process used.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

from benchmarks.seams import Around, Function, methods, wrap

MAIN, OTHER_THREADS, LIBRARIES = "rest of the main thread", "rest of the other threads", "DuckDB's and Arrow's threads"

READ = "source: read to Arrow"
CALLS = {
    READ: ["connector.sources.duckdb:DuckDBResult.__init__"],
    "transform: its SQL, in DuckDB": ["connector.transform.slice_engine:SliceEngine.execute"],
    "transform: DuckDB set up": ["connector.transform.slice_engine:SliceEngine.__init__"],
    "transform: rows that repeat the row before": [
        "connector.transform.slice_engine:find_row_runs",
        "connector.transform.row_runs:RowRuns.first_rows",
        "connector.transform.row_runs:RowRuns.spread",
    ],
    "transform: rows joined to events": ["connector.transform.stream:parts_of", "connector.transform.stream:group"],
    "transform: everything else": ["connector.transform.stream:hash_chunk"],
    "stage: cut and written": [
        "connector.staging.storage.writer:EventsFile.add",
        "connector.staging.storage.writer:EventsFile.finish",
    ],
    "stage: keys written": ["connector.staging.storage.key_file:KeyFile.add"],
    "stage: rows that are left out written": [
        "connector.ledger.excluded_rows:ExcludedRowWriter.add",
        "connector.ledger.excluded_rows:ExcludedRowWriter.close",
    ],
    "send: stage read": ["connector.staging.storage.reader:StageReader.events"],
    "send: JSON joined": [
        "connector.staging.sending:payload",
        "connector.destinations.tiktok.client:request_body",
    ],
    "send: keys and figures to keep": [
        "connector.staging.sending:batch_keys",
        "connector.staging.sending:batch_metrics",
    ],
    "send: last look at each body": ["connector.destinations.tiktok.client:breach_of_events"],
    "send: HTTP": ["connector.destinations.tiktok.transport:Transport.post"],
    "modules imported meanwhile": ["builtins:__import__"],
}
STEPS = {
    READ: ["connector.sources.duckdb:DuckDBResult.batches"],
    "stage: events in several slices settled": ["connector.staging.stage:deduplicate"],
    "stage: events delivered before found": ["connector.staging.stage:skip_delivered"],
}
LEDGER = ("connector.ledger.batches:Batches", "connector.ledger.runs:Runs", "connector.ledger.read_files:Files")
_THREADS = "threading:Thread.run"
_END = object()


@dataclass(slots=True)
class _Frame:
    began: float
    within: float = 0.0


class Account:
    """CPU seconds by part. Used from all threads."""

    def __init__(self) -> None:
        self._here = threading.local()
        self._lock = threading.Lock()
        self._parts: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """What this thread uses in here counts for a part, but for what counts for parts within."""
        frames = self._frames()
        frames.append(_Frame(time.thread_time()))
        try:
            yield
        finally:
            frame = frames.pop()
            spent = time.thread_time() - frame.began
            with self._lock:
                self._parts[name] = self._parts.get(name, 0.0) + spent - frame.within
            if frames:
                frames[-1].within += spent

    def begin(self) -> None:
        """Forgets what was used so far. Nothing may be under way in another thread."""
        for frame in self._frames():
            frame.began, frame.within = time.thread_time(), 0.0
        with self._lock:
            self._parts.clear()

    def parts(self, total: float) -> dict[str, float]:
        """CPU seconds of each part; what no thread of Python's used of `total` is that of the libraries' threads."""
        with self._lock:
            return {**self._parts, LIBRARIES: total - sum(self._parts.values())}

    def calls(self, name: str) -> Around:
        """Wraps a function so that its calls count for a part."""

        def around(function: Function) -> Function:
            @wraps(function)
            def counted(*arguments: Any, **named: Any) -> Any:
                with self.part(name):
                    return function(*arguments, **named)

            return counted

        return around

    def steps(self, name: str) -> Around:
        """Wraps a generator function so that each step counts for a part."""

        def around(function: Function) -> Function:
            @wraps(function)
            def counted(*arguments: Any, **named: Any) -> Iterator[Any]:
                with closing(function(*arguments, **named)) as steps:
                    while True:
                        with self.part(name):
                            step = next(steps, _END)
                        if step is _END:
                            return
                        yield step

            return counted

        return around

    def _frames(self) -> list[_Frame]:
        if not hasattr(self._here, "frames"):
            self._here.frames = []
        frames: list[_Frame] = self._here.frames
        return frames


def account_of_the_product() -> Account:
    """An account of whatever this process does with the product from now on."""
    account = Account()
    for seams, around in (
        (STEPS, account.steps),
        (calls(), account.calls),
        ({OTHER_THREADS: [_THREADS]}, account.calls),
    ):
        for name, of_part in seams.items():
            for seam in of_part:
                wrap(seam, around(name))
    return account


def calls() -> dict[str, list[str]]:
    """The seams, by part, at which calls are counted."""
    return CALLS | {"ledger": [seam for one in LEDGER for seam in methods(one)]}
