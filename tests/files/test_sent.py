"""Which files the ledger counts as sent, in both databases."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connector.core.outcomes import RunStatus
from connector.ledger.ledger import Ledger
from connector.ledger.read_files import FileRecord, SentFile
from connector.ledger.run_records import Scope
from tests.ledger.runs import RUN, SCOPE, started_run

BEGAN = datetime(2026, 11, 20, 10, tzinfo=UTC)
FILE = FileRecord("exports/f.csv", 50_000_000_000, "ab" * 32)
OTHER = FileRecord("exports/g.csv", 7, "cd" * 32)


def run(ledger: Ledger, status: RunStatus | None = RunStatus.COMPLETED, **further: Any) -> None:
    """A run that has read two files."""
    started_run(ledger, started_at=BEGAN, fingerprint="mark", **further)
    ledger.files.read(RUN, [FILE, OTHER])
    if status:
        ledger.runs.finish(RUN, status)


@pytest.mark.parametrize("status", [RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS])
def test_the_files_of_a_run_that_reached_its_end_are_sent(ledger: Ledger, status: RunStatus) -> None:
    run(ledger, status)
    assert ledger.files.sent("o", SCOPE) == [
        SentFile(one.size, one.digest, RUN, "mark", BEGAN) for one in (FILE, OTHER)
    ]


@pytest.mark.parametrize(
    "further",
    [
        {"status": None},
        {"status": RunStatus.FAILED},
        {"status": RunStatus.INTERRUPTED},
        {"code": "TEST1"},
        {"row_limit": 10},
        {"retry_of": "another"},
        {"orchestration": "another"},
        {"scope": Scope("another", "simulator")},
        {"scope": Scope("local", "https://tiktok.example")},
    ],
    ids=str,
)
def test_others_are_not(ledger: Ledger, further: dict[str, Any]) -> None:
    run(ledger, **further)
    assert ledger.files.sent("o", SCOPE) == []


def test_a_run_that_reads_again_has_read_what_it_read_last(ledger: Ledger) -> None:
    run(ledger)
    ledger.files.read(RUN, [OTHER])
    assert [one.digest for one in ledger.files.sent("o", SCOPE)] == [OTHER.digest]
