"""Sums over all runs, for monitoring."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, func, select, true

from connector.ledger.database import Database
from connector.ledger.tables import batches, leases, runs


@dataclass(frozen=True, slots=True)
class RunTotals:
    """Sums over the runs of an orchestration with one status."""

    orchestration: str
    """The name of the orchestration."""
    status: str
    """The status of the runs."""
    runs: int
    """The number of runs."""
    seconds: float
    """Their total duration."""
    requests_sent: int
    """Requests that were sent."""
    requests_retried: int
    """Requests that repeated an earlier one."""
    rejected: int
    """Rejected rows."""
    skipped: int
    """Skipped rows."""


@dataclass(frozen=True, slots=True)
class RowTotals:
    """Sums of rows over all runs of an orchestration."""

    orchestration: str
    """The name of the orchestration."""
    delivered: int
    """Delivered rows."""
    pending: int
    """Pending rows."""


class Totals:
    """Reads sums. Each method is one transaction, and reads as many rows as there are runs or batches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_runs(self, target: str) -> list[RunTotals]:
        """Return the sums over the runs under a target, by orchestration and status."""
        requests = (self._requests("requests_sent"), self._requests("requests_retried"))
        counted = (runs.c.seconds, *requests, self._sum_of("rejects"), self._sum_of("skips"))
        query = (
            select(runs.c.orchestration, runs.c.status, func.count(), *(_total(column) for column in counted))
            .where(runs.c.target == target)
            .group_by(runs.c.orchestration, runs.c.status)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [
            RunTotals(name, status, count, float(seconds), *map(int, counts))
            for name, status, count, seconds, *counts in rows
        ]

    def of_rows(self, target: str) -> list[RowTotals]:
        """Return the sums of the rows of all runs under a target, by orchestration."""
        settled = batches.c.delivered_rows + batches.c.refused_rows + batches.c.skipped_rows
        query = (
            select(runs.c.orchestration, _total(batches.c.delivered_rows), _total(batches.c.rows - settled))
            .join(batches, batches.c.run_id == runs.c.run_id)
            .where(runs.c.target == target)
            .group_by(runs.c.orchestration)
        )
        with self._database.reading() as connection:
            return [
                RowTotals(name, int(delivered), int(pending))
                for name, delivered, pending in connection.execute(query).all()
            ]

    def _requests(self, name: str) -> ColumnElement[Any]:
        """Return the number of a run's requests, with those on its leases, which only a shared ledger has."""
        if not self._database.is_shared:
            return runs.c[name]
        leased = select(_total(leases.c[name])).where(leases.c.run_id == runs.c.run_id)
        return runs.c[name] + leased.scalar_subquery()

    def _sum_of(self, kind: str) -> ColumnElement[Any]:
        """Return the sum of a run's counts by reason, with those on its leases."""
        each = func.json_each_text if self._database.is_shared else func.json_each
        counts = each(runs.c[kind]).table_valued("key", "value")
        own = select(_total(cast(counts.c.value, BigInteger))).select_from(counts).scalar_subquery()
        if not self._database.is_shared:
            return own
        of_lease = each(leases.c[kind]).table_valued("key", "value").lateral()
        leased = select(_total(cast(of_lease.c.value, BigInteger))).select_from(leases).join(of_lease, true())
        return own + leased.where(leases.c.run_id == runs.c.run_id).correlate(runs).scalar_subquery()


def _total(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(column), 0)
