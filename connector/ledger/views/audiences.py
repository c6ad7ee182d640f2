"""The audiences that runs keep."""

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select, union_all
from sqlalchemy.sql.expression import literal

from connector.ledger.tables import audience_accounts, audiences, members


@dataclass(frozen=True, slots=True)
class ListedAudience:
    """An audience in a list."""

    key: int
    """Its number in the ledger."""
    audience_id: str
    """The id that the destination gave it."""
    name: str
    """Its name."""
    api_url: str
    """The address of the destination's API."""
    synced_at: str | None
    """When a run last ended with all its changes acknowledged, UTC in ISO 8601."""
    members: Counter[str] = field(default_factory=Counter)
    """Its identifiers by type."""
    accounts: Counter[str] = field(default_factory=Counter)
    """Its ad accounts by state: `served`, `waiting`, `left`."""


def list_audiences(connection: Connection, target: str) -> list[ListedAudience]:
    """Return the audiences under a target, by name. One statement."""
    counts = union_all(
        select(members.c.audience, literal("member").label("kind"), members.c.id_type.label("word"),
               func.sum(members.c.count).label("number")).group_by(members.c.audience, members.c.id_type),
        select(audience_accounts.c.audience, literal("account"), audience_accounts.c.state, func.count()).group_by(
            audience_accounts.c.audience, audience_accounts.c.state),
    ).subquery()  # fmt: skip
    columns = [audiences.c[name] for name in ("id", "audience_id", "name", "api_url", "synced_at")]
    query = select(*columns, counts.c.kind, counts.c.word, counts.c.number)
    query = query.outerjoin(counts, counts.c.audience == audiences.c.id).where(audiences.c.target == target)
    listed: dict[int, ListedAudience] = {}
    for row in connection.execute(query.order_by(audiences.c.name, audiences.c.id)):
        one = listed.setdefault(row.id, ListedAudience(row.id, row.audience_id, row.name, row.api_url, row.synced_at))
        if row.kind is not None and row.number:
            (one.members if row.kind == "member" else one.accounts)[row.word] += int(row.number)
    return list(listed.values())
