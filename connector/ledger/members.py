"""Who is in an audience, by digests alone: what TikTok acknowledged, what is doubtful, and what is under way."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from connector.core.route import Action
from connector.ledger.database import Database
from connector.ledger.records import (
    AcknowledgedChange,
    AudienceRecord,
    DeliveredMembers,
    MemberChange,
    MemberPartition,
    Scope,
)
from connector.ledger.runs import as_text
from connector.ledger.tables import audiences, batches, member_changes, members, parts, runs

COUNT_BYTES = 2
DIGEST_BYTES = 32
_CHANGES_AT_ONCE = 50

Shares = Mapping[tuple[str, int], MemberPartition]
"""By identifier type and number of the share."""


class Members:
    """Every method is one transaction. Who changes an audience has to hold its lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def audience(self, scope: Scope, audience_id: str, name: str, advertiser_ids: Sequence[str]) -> AudienceRecord:
        """The audience with this id, made known where it is not; its name and accounts are as they are given."""
        same = (audiences.c.target == scope.target) & (audiences.c.api_url == scope.api_url)
        same &= audiences.c.audience_id == audience_id
        said = {"name": name, "advertiser_ids": list(advertiser_ids)}
        with self._database.writing() as connection:
            if not connection.execute(update(audiences).where(same).values(said)).rowcount:
                place = {"target": scope.target, "api_url": scope.api_url, "audience_id": audience_id}
                connection.execute(insert(audiences).values(**place, **said))
            return _record(connection, connection.execute(select(audiences).where(same)).one())

    def known(self, target: str | None = None) -> list[AudienceRecord]:
        """Every audience, or those of a target, by name."""
        query = select(audiences).order_by(audiences.c.name, audiences.c.id)
        if target is not None:
            query = query.where(audiences.c.target == target)
        with self._database.reading() as connection:
            return [_record(connection, row) for row in connection.execute(query).all()]

    def delivered_between(self, destination: str, target: str, begin: str, end: str) -> list[DeliveredMembers]:
        """What was added to audiences for a destination between two moments, as the ledger writes them, by audience."""
        same = batches.c.run_id == runs.c.run_id
        query = (
            select(
                batches.c.resource_id,
                func.count(func.distinct(runs.c.run_id)),
                func.sum(batches.c.delivered_rows),
                func.sum(batches.c.delivered_members),
                func.max(batches.c.settled_at),
            )
            .join(runs, same)
            .where(runs.c.destination == destination, runs.c.target == target, batches.c.action == Action.ADD)
            .where(batches.c.settled_at >= begin, batches.c.settled_at < end, batches.c.delivered_members > 0)
            .group_by(batches.c.resource_id)
            .order_by(batches.c.resource_id)
        )
        with self._database.reading() as connection:
            return [DeliveredMembers(*row) for row in connection.execute(query).all()]

    def synced(self, audience: int) -> None:
        """All that a run wanted of the audience is acknowledged."""
        now = as_text(datetime.now(UTC))
        with self._database.writing() as connection:
            connection.execute(update(audiences).where(audiences.c.id == audience).values(synced_at=now))

    def share(self, audience: int, id_type: str, share: int) -> MemberPartition:
        """The members of one type in one share."""
        query = select(members.c.digests, members.c.doubtful).where(*_place(audience, id_type, share))
        with self._database.reading() as connection:
            found = connection.execute(query).one_or_none()
        return MemberPartition(found.digests, found.doubtful) if found else MemberPartition()

    def all_shares(self, audience: int, most: int) -> Shares | None:
        """Read every share in one query; return None if the audience has more than `most` identifiers."""
        size = func.sum(func.length(members.c.digests) + func.length(members.c.doubtful))
        query = select(members.c.id_type, members.c.share, members.c.digests, members.c.doubtful)
        with self._database.reading() as connection:
            stored = connection.execute(select(size).where(members.c.audience == audience)).scalar() or 0
            if stored > most * DIGEST_BYTES:
                return None
            rows = connection.execute(query.where(members.c.audience == audience))
            return {(row.id_type, row.share): MemberPartition(row.digests, row.doubtful) for row in rows}

    def keep(self, audience: int, shares: Shares) -> None:
        """Replace the members of these shares."""
        with self._database.writing() as connection:
            for id_type, share in shares:
                connection.execute(delete(members).where(*_place(audience, id_type, share)))
            if rows := [_stored(audience, *place, now) for place, now in shares.items() if now.digests or now.doubtful]:
                connection.execute(insert(members), rows)

    def changes(self, audience: int) -> Iterator[tuple[int, AcknowledgedChange]]:
        """What was sent and is not settled into the members yet, in the order in which it was sent, each with its
        number; memory does not grow with it.
        """
        after = 0
        while rows := self._changes_after(audience, after):
            after = rows[-1].id
            yield from ((row.id, self._settled(row)) for row in rows)

    def settled(self, audience: int, last: int) -> None:
        """Changes up to the one of this number are among the members now."""
        with self._database.writing() as connection:
            done = (member_changes.c.audience == audience) & (member_changes.c.id <= last)
            connection.execute(delete(member_changes).where(done))

    def _changes_after(self, audience: int, after: int) -> list[Row[Any]]:
        same = (batches.c.run_id == member_changes.c.run_id) & (batches.c.number == member_changes.c.number)
        query = (
            select(member_changes, batches.c.state, batches.c.events)
            .join(batches, same)
            .where(member_changes.c.audience == audience, member_changes.c.id > after)
            .order_by(member_changes.c.id)
            .limit(_CHANGES_AT_ONCE)
        )
        with self._database.reading() as connection:
            return list(connection.execute(query))

    def _settled(self, row: Row[Any]) -> AcknowledgedChange:
        change = MemberChange(row.audience, row.first_unit, Action(row.action), row.counts, row.id_types, row.digests)
        of_batch = (parts.c.run_id == row.run_id) & (parts.c.batch == row.number)
        with self._database.reading() as connection:
            known = connection.execute(select(parts.c.first_event, parts.c.events, parts.c.state).where(of_batch)).all()
        whole = "delivered" if row.state == "delivered" and not known else None
        open_ = "unknown" if row.state in {"sending", "unknown"} else "nothing"
        fates = [(0, row.events, whole or open_)]
        fates += [(one.first_event, one.events, one.state if one.state == "delivered" else "nothing") for one in known]
        return AcknowledgedChange(change, tuple(fates))


def keep_changes(connection: Connection, run_id: str, number: int, changes: Sequence[MemberChange]) -> None:
    """Writes down what a batch is about to do to an audience, unless that is written already."""
    for change in changes:
        same = (member_changes.c.run_id == run_id) & (member_changes.c.number == number)
        same &= member_changes.c.first_unit == change.first_unit
        if connection.execute(select(member_changes.c.id).where(same)).first() is None:
            values = {name: getattr(change, name) for name in MemberChange.__slots__}
            connection.execute(insert(member_changes).values(run_id=run_id, number=number, **values))


def _place(audience: int, id_type: str, share: int) -> tuple[Any, ...]:
    return members.c.audience == audience, members.c.id_type == id_type, members.c.share == share


def _stored(audience: int, id_type: str, share: int, now: MemberPartition) -> dict[str, Any]:
    place = {"audience": audience, "id_type": id_type, "share": share}
    return {**place, "digests": now.digests, "doubtful": now.doubtful, "count": len(now.digests) // DIGEST_BYTES}


def _record(connection: Connection, row: Row[Any]) -> AudienceRecord:
    counts = select(members.c.id_type, func.sum(members.c.count)).where(members.c.audience == row.id)
    found = {kind: int(count) for kind, count in connection.execute(counts.group_by(members.c.id_type)) if count}
    return AudienceRecord(
        row.id, row.target, row.api_url, row.audience_id, row.name, tuple(row.advertiser_ids), row.synced_at, found
    )
