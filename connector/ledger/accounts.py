"""The ad accounts of audiences: those that have the members, wait for them, or were removed."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from connector.core.route import Action
from connector.ledger.database import Database
from connector.ledger.member_records import AccountState, States, arranged
from connector.ledger.tables import audience_accounts, batches


class AudienceAccounts:
    """The table of ad accounts. Each method is one transaction; callers that change an audience hold its lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def states(self, audience: int) -> States:
        """Return the state of each ad account that the audience serves or served."""
        with self._database.reading() as connection:
            return _states(connection, audience)

    def arrange(self, audience: int, advertiser_ids: Sequence[str], first: AccountState) -> None:
        """Record the accounts that the audience serves from now on; see `arranged`."""
        with self._database.writing() as connection:
            before = _states(connection, audience)
            for advertiser_id, state in arranged(before, advertiser_ids, first).items():
                if before.get(advertiser_id) is not state:
                    _put(connection, audience, advertiser_id, state)

    def assign(self, audience: int, run_id: str) -> None:
        """Record that a run has staged the members for the waiting accounts."""
        with self._database.writing() as connection:
            waiting = audience_accounts.c.state == AccountState.WAITING
            connection.execute(update(audience_accounts).where(_of(audience), waiting).values(run_id=run_id))

    def served(self, audience: int, audience_id: str, run_id: str) -> None:
        """Record that a run has sent everything it staged, so that the accounts that waited for it are served.

        If the destination refused every member that was sent again, they continue to wait.
        """
        sums = func.sum(batches.c.members), func.sum(batches.c.delivered_members)
        resent = (batches.c.action == Action.RESEND) & (batches.c.resource_id == audience_id)
        waits = _of(audience) & (audience_accounts.c.state == AccountState.WAITING)
        waits &= audience_accounts.c.run_id == run_id
        with self._database.writing() as connection:
            staged, delivered = connection.execute(select(*sums).where(batches.c.run_id == run_id, resent)).one()
            if delivered or not staged:
                values = {"state": AccountState.SERVED.value, "run_id": None}
                connection.execute(update(audience_accounts).where(waits).values(values))

    def leave(self, audience: int) -> None:
        """Record that no destination sends to the audience any more."""
        with self._database.writing() as connection:
            values = {"state": AccountState.LEFT.value, "run_id": None}
            connection.execute(update(audience_accounts).where(_of(audience)).values(values))


def _of(audience: int) -> ColumnElement[bool]:
    return audience_accounts.c.audience == audience


def _states(connection: Connection, audience: int) -> States:
    query = select(audience_accounts.c.advertiser_id, audience_accounts.c.state).where(_of(audience))
    rows = connection.execute(query.order_by(audience_accounts.c.advertiser_id)).all()
    return {advertiser_id: AccountState(state) for advertiser_id, state in rows}


def _put(connection: Connection, audience: int, advertiser_id: str, state: AccountState) -> None:
    same = _of(audience) & (audience_accounts.c.advertiser_id == advertiser_id)
    connection.execute(delete(audience_accounts).where(same))
    values = {"audience": audience, "advertiser_id": advertiser_id, "state": state.value}
    connection.execute(insert(audience_accounts).values(values))
