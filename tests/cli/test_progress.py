"""Progress: units, separators, and why it waits."""

import pytest

from connector.cli import console
from connector.cli.progress import LineObserver, count_text
from connector.ledger.batch_records import RequestRecord

REQUEST = RequestRecord(
    batch=3, first_event=0, events=10, attempt=2, verdict="retry", http_status=500, code=50000, message="Busy.",
    request_id="R1", seconds=0.25,
)  # fmt: skip


@pytest.mark.parametrize(
    ("done", "total", "noun", "text"),
    [
        (0, 0, "row", "0 rows"),
        (1, 0, "row", "1 row"),
        (1_234_567, 0, "row", "1,234,567 rows"),
        (1_000, 12_000, "event", "1,000 of 12,000 events"),
        (1, 1, "identifier", "1 of 1 identifier"),
    ],
)
def test_counts_have_units_and_thousands_separators(done: int, total: int, noun: str, text: str) -> None:
    """With the total, if it is known."""
    assert count_text(done, total, noun) == text


@pytest.mark.parametrize(
    ("seconds", "line"),
    [
        (0.4, ""),
        (8.2, "retrying in 8 s: No connection to TikTok: connection refused\n"),
        (3_600.0, "retrying in 3,600 s: No connection to TikTok: connection refused\n"),
    ],
)
def test_a_wait_is_explained_unless_it_is_short(seconds: float, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Once in a few seconds, however many requests wait."""
    console.configure()
    observer = LineObserver()
    for _ in range(8):
        observer.waiting(seconds, "No connection to TikTok: connection refused.")
    assert capsys.readouterr().err == line


def test_verbose_prints_every_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """Which is not printed otherwise."""
    console.configure(verbose=True)
    LineObserver().answered(REQUEST)
    console.configure()
    LineObserver().answered(REQUEST)
    expected = "batch 3, attempt 2: retry, HTTP 500, code 50000, 0.250 s, request id R1, Busy.\n"
    assert capsys.readouterr().err == expected
