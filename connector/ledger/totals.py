"""Sums over all runs, for whoever watches them."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, func, select

from connector.ledger.database import Database
from connector.ledger.tables import batches, runs


@dataclass(frozen=True, slots=True)
class RunTotals:
    """The runs of an orchestration that have this status."""

    orchestration: str
    status: str
    runs: int
    seconds: float
    requests_sent: int
    requests_retried: int
    rejected: int
    skipped: int


@dataclass(frozen=True, slots=True)
class RowTotals:
    """Of all runs of an orchestration: rows that were delivered, and that are still to be."""

    orchestration: str
    delivered: int
    pending: int


class Totals:
    """Every method is one transaction; it reads as many rows as there are runs, or batches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_runs(self, target: str) -> list[RunTotals]:
        """The runs under a target, by orchestration and status."""
        kinds = (self._sum_of("rejects"), self._sum_of("skips"))
        counted = (runs.c.seconds, runs.c.requests_sent, runs.c.requests_retried, *kinds)
        query = (
            select(runs.c.orchestration, runs.c.status, func.count(), *(_total(one) for one in counted))
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
        """The rows of all runs under a target, by orchestration."""
        settled = batches.c.delivered_rows + batches.c.refused_rows + batches.c.skipped_rows
        query = (
            select(runs.c.orchestration, _total(batches.c.delivered_rows), _total(batches.c.rows - settled))
            .join(batches, batches.c.run_id == runs.c.run_id)
            .where(runs.c.target == target)
            .group_by(runs.c.orchestration)
        )
        with self._database.reading() as connection:
            return [RowTotals(name, int(done), int(left)) for name, done, left in connection.execute(query).all()]

    def _sum_of(self, kind: str) -> ColumnElement[Any]:
        """The sum of a run's counts by reason."""
        each = func.json_each_text if self._database.is_shared else func.json_each
        found = each(runs.c[kind]).table_valued("key", "value")
        return select(func.sum(cast(found.c.value, BigInteger))).select_from(found).scalar_subquery()


def _total(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(column), 0)
