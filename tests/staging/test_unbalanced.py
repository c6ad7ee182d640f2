"""A run whose rows do not add up never counts as completed."""

from pathlib import Path

import pytest
from sqlalchemy import update

from connector.core.outcomes import RunStatus
from connector.errors import ResumableError
from connector.ledger.ledger import open_ledger
from connector.ledger.tables import runs
from connector.runs.deliver import _final_status
from tests.ledger.runs import RUN, delivered, staged_run


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_run_of_which_a_row_is_missing_or_too_many_is_not_completed(tmp_path: Path, more: int) -> None:
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as ledger:
        staged_run(ledger, batches=[10])
        ledger.batches.settled(RUN, delivered(0, 0, 10, whole=True))
        with ledger.database.writing() as connection:
            connection.execute(update(runs).values(rows_read=10 + more))
        if not more:
            assert _final_status(ledger, RUN) is RunStatus.COMPLETED
            return
        with pytest.raises(ResumableError, match="do not add up"):
            _final_status(ledger, RUN)
