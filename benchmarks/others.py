"""Other ways to send the same rows, one after the other, each measured on its own."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import duckdb
import httpx

from benchmarks.dlt_run import dlt_run
from benchmarks.python_reference import rows_to_bodies
from benchmarks.sink import running_sink
from benchmarks.timing import Timing, timed
from benchmarks.transform_alone import reference_settings
from benchmarks.whole_run import Post, dict_rows

SINGLE_ROWS = 20_000
"""Of one event a request no more rows are sent: each takes as long as the one before."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class OtherResult:
    """One way: how many rows it was given, and how long it took."""

    name: str
    rows: int
    timing: Timing


def measure_others(file: Path, say: Say) -> list[OtherResult]:
    """dlt with a custom destination, and one event a request, as Segment's destination sends."""
    with duckdb.connect(str(file), read_only=True) as connection:
        rows = int(connection.sql("SELECT count(*) FROM purchases").fetchall()[0][0])
    with running_sink() as sink:
        found = dlt_run(file, sink.url)
        results = [OtherResult("dlt, given Arrow", rows, Timing(found.seconds, found.cpu))]
        few = min(rows, SINGLE_ROWS)
        timing, _ = timed(lambda: _singly(file, sink.url, few))
        results.append(OtherResult("one event a request", few, timing))
    for one in results:
        say(f"{one.name}: {one.rows / one.timing.seconds:,.0f} rows a second")
    return results


def _singly(file: Path, url: str, rows: int) -> int:
    settings = reference_settings()
    with duckdb.connect(str(file), read_only=True) as connection, httpx.Client(timeout=60, trust_env=False) as client:
        post = Post(client, f"{url}/open_api/v1.3/event/track/")
        return sum(map(post, rows_to_bodies(islice(dict_rows(connection), rows), settings, batch=1)))
