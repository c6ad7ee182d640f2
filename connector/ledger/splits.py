"""Splits: the parts of a run's staging that the machines of an engine work on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from sqlalchemy import delete, insert, select, update

from connector.ledger.database import Database
from connector.ledger.locks import check_holder
from connector.ledger.tables import splits

_SPLITS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class SplitRecord:
    """A split in the ledger."""

    number: int
    """Its number in the run and kind, from 0."""
    place: Mapping[str, Any]
    """Its place in the whole, in the words of its source."""
    plan: str
    """The id of the division that it belongs to."""
    attempt: str | None = None
    """The name of the folder with its result; None until there is one."""
    host: str | None = None
    """The machine that made it."""
    rows: int | None = None
    """The rows that it has."""
    seconds: float | None = None
    """The seconds that it took."""
    summary: Mapping[str, Any] | None = None
    """Further facts about its result."""


class Splits:
    """The table of splits. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(self, run_id: str, kind: str, places: Sequence[Mapping[str, Any]], *, holder: str | None = None) -> str:
        """Divide a run into these splits, in place of earlier ones of that kind, and return the id of the division.

        With `holder`, raise LockedError if another process has taken the run over.
        """
        plan = token_hex(8)
        rows = [
            {"run_id": run_id, "kind": kind, "number": number, "plan": plan, "place": dict(place)}
            for number, place in enumerate(places)
        ]
        with self._database.writing() as connection:
            if holder is not None:
                check_holder(connection, run_id, holder, changing=True)
            connection.execute(delete(splits).where(splits.c.run_id == run_id, splits.c.kind == kind))
            for start in range(0, len(rows), _SPLITS_AT_ONCE):
                connection.execute(insert(splits), rows[start : start + _SPLITS_AT_ONCE])
        return plan

    def all(self, run_id: str, kind: str) -> list[SplitRecord]:
        """Return the splits of a run, in order."""
        columns = [splits.c[name] for name in SplitRecord.__slots__]
        query = select(*columns).where(splits.c.run_id == run_id, splits.c.kind == kind).order_by(splits.c.number)
        with self._database.reading() as connection:
            return [SplitRecord(*row) for row in connection.execute(query)]

    def commit(
        self,
        run_id: str,
        kind: str,
        number: int,
        *,
        plan: str,
        attempt: str,
        host: str,
        rows: int,
        seconds: float,
        summary: Mapping[str, Any],
    ) -> bool:
        """Record the result of a split and return True; False if another attempt was first, or the plan is another."""
        result = {"attempt": attempt, "host": host, "rows": rows, "seconds": seconds, "summary": dict(summary)}
        the_split = splits.c.run_id == run_id, splits.c.kind == kind, splits.c.number == number
        is_first = splits.c.plan == plan, splits.c.attempt.is_(None)
        with self._database.writing() as connection:
            changed = connection.execute(update(splits).where(*the_split, *is_first).values(result))
            return changed.rowcount == 1

    def remove(self, run_id: str) -> None:
        """Delete the splits of a run."""
        with self._database.writing() as connection:
            connection.execute(delete(splits).where(splits.c.run_id == run_id))
