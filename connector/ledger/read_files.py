"""The files that runs have read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, insert, select

from connector.ledger.database import Database
from connector.ledger.run_records import Scope
from connector.ledger.runs import COMPLETED
from connector.ledger.tables import files, runs


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file that was read."""

    name: str
    """Its name, as users see it."""
    size: int
    """Its size in bytes."""
    digest: str
    """The SHA-256 of its bytes in hex."""
    columns: tuple[str, ...] | None = None
    """The names in its header line."""


@dataclass(frozen=True, slots=True)
class SentColumns:
    """The columns of the file that was sent last."""

    name: str
    """The name of the file."""
    run_id: str
    """The run that sent it."""
    columns: tuple[str, ...]
    """The names in its header line."""


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that a run has sent."""

    size: int
    """Its size in bytes."""
    digest: str
    """The SHA-256 of its bytes in hex."""
    run_id: str
    """The run that sent it."""
    fingerprint: str | None
    """The fingerprint of the orchestration of that run."""
    sent_at: datetime
    """The start of that run."""


class Files:
    """The table of files. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, run_id: str, records: Sequence[FileRecord]) -> None:
        """Record all the files that a run has read to their ends, in order."""
        with self._database.writing() as connection:
            connection.execute(delete(files).where(files.c.run_id == run_id))
            for number, file in enumerate(records):
                values = {"name": file.name, "size": file.size, "digest": file.digest, "columns": file.columns}
                connection.execute(insert(files).values(run_id=run_id, number=number, **values))

    def has_read(self, run_id: str) -> bool:
        """Return whether a run has read a file."""
        with self._database.reading() as connection:
            return (
                connection.execute(select(files.c.run_id).where(files.c.run_id == run_id).limit(1)).first() is not None
            )

    def sent(self, orchestration: str, scope: Scope) -> list[SentFile]:
        """Return the files of completed runs; test runs, retries and runs with a row limit do not count."""
        columns = (files.c.size, files.c.digest, runs.c.run_id, runs.c.fingerprint, runs.c.started_at)
        query = _of_sent(select(*columns), orchestration, scope).order_by(runs.c.started_at, files.c.number)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        return [SentFile(size, digest, run, mark, datetime.fromisoformat(at)) for size, digest, run, mark, at in rows]

    def last_columns(self, orchestration: str, scope: Scope) -> SentColumns | None:
        """Return the columns of the last sent file, as `sent` counts; None if none are recorded."""
        columns = select(files.c.name, runs.c.run_id, files.c.columns)
        query = _of_sent(columns, orchestration, scope).where(files.c.columns.is_not(None))
        with self._database.reading() as connection:
            row = connection.execute(
                query.order_by(runs.c.started_at.desc(), files.c.number.desc()).limit(1)
            ).one_or_none()
        return SentColumns(row[0], row[1], tuple(row[2])) if row else None


def _of_sent(query: Select[Any], orchestration: str, scope: Scope) -> Select[Any]:
    return (
        query.join(runs, runs.c.run_id == files.c.run_id)
        .where(runs.c.orchestration == orchestration, runs.c.status.in_(COMPLETED))
        .where(runs.c.target == scope.target, runs.c.api_url == scope.api_url)
        .where(runs.c.test_event_code.is_(None), runs.c.row_limit.is_(None), runs.c.retry_of.is_(None))
    )
