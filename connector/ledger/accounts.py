"""The ad accounts that an audience serves: which have its members, which wait for them, which were taken away."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from connector.core.route import Action
from connector.ledger.database import Database
from connector.ledger.records import AccountState
from connector.ledger.tables import audience_accounts, batches

States = Mapping[str, AccountState]


def arranged(known: States, advertiser_ids: Sequence[str], first: AccountState = AccountState.SERVED) -> States:
    """How the accounts of an audience stand once it serves these; `first` is how they do if none were known before.

    One that was added, or taken away and added again, waits for the members; one that is missing has been taken away.
    """
    if not known:
        return dict.fromkeys(advertiser_ids, first)
    kept = {one: state for one, state in known.items() if state is not AccountState.LEFT}
    now = {one: kept.get(one, AccountState.WAITING) for one in advertiser_ids}
    return {**dict.fromkeys(known, AccountState.LEFT), **now}


class AudienceAccounts:
    """Every method is one transaction. Who changes an audience has to hold its lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def states(self, audience: int) -> States:
        """Every ad account that the audience serves, or served."""
        with self._database.reading() as connection:
            return _states(connection, audience)

    def arrange(self, audience: int, advertiser_ids: Sequence[str], first: AccountState) -> None:
        """Write down that the audience serves these accounts from now on; see `arranged`."""
        with self._database.writing() as connection:
            known = _states(connection, audience)
            now = arranged(known, advertiser_ids, first)
            for advertiser_id, state in now.items():
                if known.get(advertiser_id) is not state:
                    _put(connection, audience, advertiser_id, state)

    def assign(self, audience: int, run_id: str) -> None:
        """Write down that a run has staged the members for the accounts that wait."""
        with self._database.writing() as connection:
            waiting = audience_accounts.c.state == AccountState.WAITING
            connection.execute(update(audience_accounts).where(_of(audience), waiting).values(run_id=run_id))

    def served(self, audience: int, audience_id: str, run_id: str) -> None:
        """Write down that a run has sent all that it staged, so that the accounts which waited for it are served.

        Where TikTok refused every member that was sent again, they go on waiting.
        """
        sums = func.sum(batches.c.members), func.sum(batches.c.delivered_members)
        again = (batches.c.action == Action.RESEND) & (batches.c.resource_id == audience_id)
        waits = _of(audience) & (audience_accounts.c.state == AccountState.WAITING)
        waits &= audience_accounts.c.run_id == run_id
        with self._database.writing() as connection:
            staged, delivered = connection.execute(select(*sums).where(batches.c.run_id == run_id, again)).one()
            if delivered or not staged:
                now = {"state": AccountState.SERVED.value, "run_id": None}
                connection.execute(update(audience_accounts).where(waits).values(now))

    def leave(self, audience: int) -> None:
        """Write down that no destination goes to the audience any more."""
        with self._database.writing() as connection:
            now = {"state": AccountState.LEFT.value, "run_id": None}
            connection.execute(update(audience_accounts).where(_of(audience)).values(now))


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
