"""Sums over all runs, for monitoring."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, func, select

from connector.ledger.database import Database
from connector.ledger.tables import batches, runs


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
    """Those of the requests that repeated an earlier one."""
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
        kinds = (self._sum_of("rejects"), self._sum_of("skips"))
        counted = (runs.c.seconds, runs.c.requests_sent, runs.c.requests_retried, *kinds)
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

    def _sum_of(self, kind: str) -> ColumnElement[Any]:
        """Return the sum of a run's counts by reason."""
        each = func.json_each_text if self._database.is_shared else func.json_each
        counts = each(runs.c[kind]).table_valued("key", "value")
        return select(func.sum(cast(counts.c.value, BigInteger))).select_from(counts).scalar_subquery()


def _total(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(column), 0)
