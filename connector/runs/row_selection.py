"""Which rows a retried run left out."""

from connector.destinations.context import RunContext
from connector.errors import UsageError
from connector.ledger.excluded_rows import left_out
from connector.transform.row_choice import RowChoice


def chosen_rows(at: RunContext, run_id: str, reason: str | None) -> RowChoice:
    """The rows that a run rejected, or was refused, for `reason` (None: any). Raises UsageError where none are kept."""
    directory = at.directory(run_id)
    chosen = RowChoice.like(left_out(directory, reason=reason, outcome="rejected"))
    if not len(chosen.ids) and not chosen.nameless:
        why = f" for {reason}" if reason else ""
        raise UsageError(
            f"Run {run_id} has no rejected rows{why} that are kept in this folder: there is nothing to retry."
        )
    return chosen
