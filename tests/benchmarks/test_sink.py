"""The server that everything is sent to only reads and acknowledges."""

import time

from benchmarks.sink import running_sink
from benchmarks.sink_speed import requests_per_second

DELAY = 0.2


def test_it_counts_what_it_acknowledges() -> None:
    before = time.monotonic()
    with running_sink() as sink:
        assert sink.totals().first_at is None
        requests_per_second(sink, 300_001, 10)
        totals = sink.totals()
    assert (totals.requests, totals.body_bytes) == (10, 10 * 300_001)
    assert totals.first_at is not None
    assert before < totals.first_at < time.monotonic()


def test_it_answers_as_late_as_it_was_told() -> None:
    with running_sink(delay=DELAY) as sink:
        started = time.monotonic()
        requests_per_second(sink, 1_000, 4)
        taken = time.monotonic() - started
    # Two connections, each with two requests, one after the other.
    assert taken > 2 * DELAY
