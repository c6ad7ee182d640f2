"""Forget what was delivered to an address, so that everything counts as new there."""

from sqlalchemy import delete, select, update

from connector.core.outcomes import RunStatus
from connector.ledger.database import Database
from connector.ledger.runs import COMPLETED
from connector.ledger.tables import audience_accounts, audiences, batch_keys, member_changes, members, named_ids, runs


def forget_address(database: Database, api_url: str) -> None:
    """Delete keys, members, ids and cursors of an address, under every target, and give its unfinished runs up."""
    own_runs = select(runs.c.run_id).where(runs.c.api_url == api_url)
    own_audiences = select(audiences.c.id).where(audiences.c.api_url == api_url)
    with database.writing() as connection:
        connection.execute(delete(batch_keys).where(batch_keys.c.run_id.in_(own_runs)))
        for table in (member_changes, members, audience_accounts):
            connection.execute(delete(table).where(table.c.audience.in_(own_audiences)))
        connection.execute(delete(audiences).where(audiences.c.api_url == api_url))
        connection.execute(delete(named_ids).where(named_ids.c.api_url == api_url))
        connection.execute(update(runs).where(runs.c.api_url == api_url).values(cursor=None))
        is_unfinished = (runs.c.api_url == api_url) & runs.c.resumable & ~runs.c.status.in_(COMPLETED)
        connection.execute(
            update(runs).where(is_unfinished).values(resumable=False, status=RunStatus.INTERRUPTED, error=FORGOTTEN)
        )


FORGOTTEN = "The simulator was made to forget what it was sent, with --fresh."
