"""Select the rejected rows of a run for a retry."""

from connector.destinations.context import RunContext
from connector.errors import UsageError
from connector.ledger.excluded_rows import read_excluded_rows
from connector.transform.row_selection import RowSelection


def select_rejected(context: RunContext, run_id: str, reason: str | None) -> RowSelection:
    """Select the rows that a run rejected for `reason` (None: any). Raises UsageError if none are recorded."""
    directory = context.directory(run_id)
    selection = RowSelection.from_excluded(read_excluded_rows(directory, reason=reason, outcome="rejected"))
    if not len(selection.ids) and not selection.include_unidentified:
        why = f" for {reason}" if reason else ""
        raise UsageError(
            f"Run {run_id} has no rejected rows{why} that are kept in this folder: there is nothing to retry."
        )
    return selection
