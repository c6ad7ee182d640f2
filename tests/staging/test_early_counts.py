"""What is counted of rows that are read again after a run was cut off."""

from pathlib import Path

from tests.staging.stages import plain_row
from tests.staging.test_staging_early import Reading


def test_the_first_event_of_a_reading_is_not_one_of_the_earlier_reading(tmp_path: Path) -> None:
    """Of events that are staged again, only those of the earlier reading are counted as its rows."""
    first = Reading(tmp_path)
    first.of([plain_row("e1")], 1)
    for path in tmp_path.glob("event*"):
        path.unlink()
    again = Reading(tmp_path, first.told)
    staged = again.of([plain_row("e2"), plain_row("e2"), plain_row("e1")], 1)
    assert (staged.read, staged.skips) == (3, {"duplicate": 1})
    assert sum(batch.events for batch in [*again.told, *staged.batches]) == 2
