"""The totals of a run, stored in its row when it ends, so that lists of runs need no other table."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from connector.core.route import Action
from connector.ledger.run_reader import NOTHING_LEASED, LeasedCounts, added, leased_counts
from connector.ledger.run_records import MemberCounts, RowCounts
from connector.ledger.tables import batches, parts, runs

_MILLION = 1_000_000
"""The metrics of batches count values in millionths."""
_SUMS = ("rows", "delivered_rows", "refused_rows", "skipped_rows")
_SUMS_OF_EVENTS = ("events", "delivered_events", "refused_events", "delivered_members")


@dataclass(frozen=True, slots=True)
class DeliveryTotals:
    """The outcome of a run in numbers."""

    rows: RowCounts
    """Its rows by outcome."""
    events_built: int = 0
    """Events that were staged."""
    events_delivered: int = 0
    """Events that were delivered."""
    events_refused: int = 0
    """Events that the destination refused."""
    members: MemberCounts | None = None
    """Its identifiers, if it is for an audience."""
    value: Mapping[str, str] = field(default_factory=dict)
    """The value of the delivered events, a decimal number by currency. Empty until the run ends."""
    newest_event: datetime | None = None
    """The time of the latest delivered event. None until the run ends."""

    def as_json(self) -> dict[str, Any]:
        """Return the object that the ledger stores."""
        newest = self.newest_event.isoformat() if self.newest_event else None
        return {**asdict(self), "newest_event": newest}


def totals_from_json(stored: Mapping[str, Any]) -> DeliveryTotals:
    """Return the totals that `DeliveryTotals.as_json` gave."""
    members, newest = stored["members"], stored["newest_event"]
    given = {
        "rows": RowCounts(**stored["rows"]),
        "members": MemberCounts(**members) if members else None,
        "newest_event": datetime.fromisoformat(newest) if newest else None,
    }
    return DeliveryTotals(**{**stored, **given})


def final_totals(connection: Connection, run_id: str, value: Mapping[str, str], newest: int | None) -> dict[str, Any]:
    """Return the totals of a run that ends, as the ledger stores them; `newest` is in Unix seconds."""
    row = connection.execute(select(runs).where(runs.c.run_id == run_id)).one()
    sums = sum_batches(connection, [row])[run_id]
    newest_event = None if newest is None else datetime.fromtimestamp(newest, UTC)
    return replace(sums, value=value, newest_event=newest_event).as_json()


def delivered_value(connection: Connection, run_id: str) -> tuple[dict[str, str], int | None]:
    """Return the value of a run's delivered events by currency, and the time of the latest in Unix seconds."""
    sums, newest = Counter[str](), list[int]()
    for table in (batches, parts):
        query = select(table.c.figures).where(table.c.run_id == run_id, table.c.figures.is_not(None))
        for metrics in connection.execution_options(yield_per=1_000).execute(query).scalars():
            newest += [metrics["newest"]] if "newest" in metrics else []
            for currency, _, _, value in metrics["values"]:
                if value is not None:
                    sums[currency] += value
    return {currency: _decimal(value) for currency, value in sorted(sums.items())}, max(newest, default=None)


def sum_batches(connection: Connection, rows: Sequence[Any]) -> dict[str, DeliveryTotals]:
    """Return the totals of runs, given rows of the table of runs, from their batches and leases.

    That is one statement, and two more if some of the runs have an engine.
    """
    names = (*_SUMS, *_SUMS_OF_EVENTS)
    query = select(batches.c.run_id, batches.c.action, *(func.sum(batches.c[name]).label(name) for name in names))
    of_runs = batches.c.run_id.in_([run.run_id for run in rows])
    by_run: dict[str, list[Any]] = {}
    for sums in connection.execute(query.where(of_runs).group_by(batches.c.run_id, batches.c.action)):
        by_run.setdefault(sums.run_id, []).append(sums)
    leased = leased_counts(connection, rows)
    return {
        run.run_id: _totals(run, by_run.get(run.run_id, []), leased.get(run.run_id, NOTHING_LEASED)) for run in rows
    }


def _totals(run: Any, by_action: Iterable[Any], leased: LeasedCounts) -> DeliveryTotals:
    sums, members = Counter[str](), Counter[str]()
    for group in by_action:
        sums.update({name: int(getattr(group, name)) for name in (*_SUMS, *_SUMS_OF_EVENTS)})
        members[group.action] += int(group.delivered_members)
    rejects, skips = added(run.rejects, leased.rejects), added(run.skips, leased.skips)
    settled = sums["delivered_rows"] + sums["refused_rows"] + sums["skipped_rows"]
    counts = (sums["delivered_rows"], sum(rejects.values()), sum(skips.values()), sums["rows"] - settled)
    unchanged = run.unchanged_members
    return DeliveryTotals(
        RowCounts(run.rows_read, *counts),
        sums["events"],
        sums["delivered_events"],
        sums["refused_events"],
        None
        if unchanged is None
        else MemberCounts(members[Action.ADD], members[Action.DELETE], unchanged, members[Action.RESEND]),
    )


def _decimal(millionths: int) -> str:
    """Write an amount as a plain decimal number without trailing zeros. No amount is negative."""
    whole, rest = divmod(millionths, _MILLION)
    return f"{whole}.{rest:06}".rstrip("0").rstrip(".")
