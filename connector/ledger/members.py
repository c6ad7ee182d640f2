"""The members of audiences, as digests: acknowledged ones, doubtful ones, and changes that are being sent."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from connector.core.route import Action
from connector.ledger.database import Database, as_text
from connector.ledger.member_records import (
    DIGEST_BYTES,
    AcknowledgedChange,
    AudienceRecord,
    DeliveredMembers,
    MemberChange,
    MemberPartition,
    Partitions,
)
from connector.ledger.run_records import Scope
from connector.ledger.tables import audiences, batches, member_changes, members, parts, runs

_CHANGES_AT_ONCE = 50


class Members:
    """The table of members. Each method is one transaction; callers that change an audience hold its lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def audience(self, scope: Scope, audience_id: str, name: str, advertiser_ids: Sequence[str]) -> AudienceRecord:
        """Return the audience with this id after setting its name and accounts; add it if it is new."""
        same = (audiences.c.target == scope.target) & (audiences.c.api_url == scope.api_url)
        same &= audiences.c.audience_id == audience_id
        values = {"name": name, "advertiser_ids": list(advertiser_ids)}
        with self._database.writing() as connection:
            if not connection.execute(update(audiences).where(same).values(values)).rowcount:
                key = {"target": scope.target, "api_url": scope.api_url, "audience_id": audience_id}
                connection.execute(insert(audiences).values(**key, **values))
            return _record(connection, connection.execute(select(audiences).where(same)).one())

    def audiences(self, target: str | None = None) -> list[AudienceRecord]:
        """Return all audiences, or those of a target, by name."""
        query = select(audiences).order_by(audiences.c.name, audiences.c.id)
        if target is not None:
            query = query.where(audiences.c.target == target)
        with self._database.reading() as connection:
            return [_record(connection, row) for row in connection.execute(query).all()]

    def delivered_between(self, destination: str, target: str, begin: str, end: str) -> list[DeliveredMembers]:
        """Return what a destination added to audiences from `begin` to before `end` (ledger times), by audience."""
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
        """Record that all changes of a run to the audience are acknowledged."""
        synced_at = as_text(datetime.now(UTC))
        with self._database.writing() as connection:
            connection.execute(update(audiences).where(audiences.c.id == audience).values(synced_at=synced_at))

    def partition(self, audience: int, id_type: str, partition: int) -> MemberPartition:
        """Return the members of one type in one partition."""
        query = select(members.c.digests, members.c.doubtful).where(*_key(audience, id_type, partition))
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        return MemberPartition(row.digests, row.doubtful) if row else MemberPartition()

    def all_partitions(self, audience: int, limit: int) -> Partitions | None:
        """Return all partitions with one query; None if the audience has more than `limit` identifiers."""
        size = func.sum(func.length(members.c.digests) + func.length(members.c.doubtful))
        query = select(members.c.id_type, members.c.share, members.c.digests, members.c.doubtful)
        with self._database.reading() as connection:
            stored = connection.execute(select(size).where(members.c.audience == audience)).scalar() or 0
            if stored > limit * DIGEST_BYTES:
                return None
            rows = connection.execute(query.where(members.c.audience == audience))
            return {(row.id_type, row.share): MemberPartition(row.digests, row.doubtful) for row in rows}

    def replace(self, audience: int, partitions: Partitions) -> None:
        """Replace the members of these partitions."""
        rows = [_row(audience, *key, each) for key, each in partitions.items() if each.digests or each.doubtful]
        with self._database.writing() as connection:
            for id_type, partition in partitions:
                connection.execute(delete(members).where(*_key(audience, id_type, partition)))
            if rows:
                connection.execute(insert(members), rows)

    def changes(self, audience: int) -> Iterator[tuple[int, AcknowledgedChange]]:
        """Yield the changes that are not applied to the members yet, with their numbers, in the order of sending.

        Memory does not grow with their number.
        """
        after = 0
        while rows := self._changes_after(audience, after):
            after = rows[-1].id
            yield from ((row.id, self._acknowledged(row)) for row in rows)

    def applied(self, audience: int, last: int) -> None:
        """Delete the changes up to this number, which are applied to the members."""
        with self._database.writing() as connection:
            applied = (member_changes.c.audience == audience) & (member_changes.c.id <= last)
            connection.execute(delete(member_changes).where(applied))

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

    def _acknowledged(self, row: Row[Any]) -> AcknowledgedChange:
        change = MemberChange(row.audience, row.first_unit, Action(row.action), row.counts, row.id_types, row.digests)
        query = select(parts.c.first_event, parts.c.events, parts.c.state)
        with self._database.reading() as connection:
            slices = connection.execute(query.where(parts.c.run_id == row.run_id, parts.c.batch == row.number)).all()
        whole = "delivered" if row.state == "delivered" and not slices else None
        pending = "unknown" if row.state in {"sending", "unknown"} else "nothing"
        settled = ((part.first_event, part.events, part.state) for part in slices)
        outcomes = ((first, events, state if state == "delivered" else "nothing") for first, events, state in settled)
        return AcknowledgedChange(change, ((0, row.events, whole or pending), *outcomes))


def add_changes(connection: Connection, run_id: str, number: int, changes: Sequence[MemberChange]) -> None:
    """Record the changes of a batch to an audience, unless they are recorded already."""
    for change in changes:
        same = (member_changes.c.run_id == run_id) & (member_changes.c.number == number)
        same &= member_changes.c.first_unit == change.first_unit
        if connection.execute(select(member_changes.c.id).where(same)).first() is None:
            values = {name: getattr(change, name) for name in MemberChange.__slots__}
            connection.execute(insert(member_changes).values(run_id=run_id, number=number, **values))


def _key(audience: int, id_type: str, partition: int) -> tuple[Any, ...]:
    return members.c.audience == audience, members.c.id_type == id_type, members.c.share == partition


def _row(audience: int, id_type: str, number: int, partition: MemberPartition) -> dict[str, Any]:
    key = {"audience": audience, "id_type": id_type, "share": number}
    count = len(partition.digests) // DIGEST_BYTES
    return {**key, "digests": partition.digests, "doubtful": partition.doubtful, "count": count}


def _record(connection: Connection, row: Row[Any]) -> AudienceRecord:
    counts = select(members.c.id_type, func.sum(members.c.count)).where(members.c.audience == row.id)
    counted = {kind: int(count) for kind, count in connection.execute(counts.group_by(members.c.id_type)) if count}
    return AudienceRecord(
        row.id, row.target, row.api_url, row.audience_id, row.name, tuple(row.advertiser_ids), row.synced_at, counted
    )
