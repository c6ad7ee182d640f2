"""Read incrementally: choose the rows that a run reads, of an orchestration with a cursor."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from connector.config.project import Project
from connector.config.schedule import interval
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import last_cursors
from connector.ledger.run_records import RunRecord, Scope
from connector.queries.cursor import CursorRange, cursor_since, cursor_value
from connector.runs.job import Job


def restricted(job: Job, cursor: CursorRange) -> Job:
    """Return the job with its query over the rows of a range."""
    if job.warehouse is None:
        return job
    return replace(job, sql=cursor.restrict(job.sql, job.warehouse.dialect), cursor=cursor)


def next_range(project: Project, job: Job, started_at: datetime, ledger: Ledger | None, *, full: bool) -> CursorRange:
    """Return the rows that a run reads which starts now: what is new, or everything if `full`.

    What a run has read counts only for one that would send the same to the same place: all is read again otherwise,
    and delivered keys keep anything from being sent twice.
    """
    whole = CursorRange(job.orchestration.cursor or "", started_at, of=_identity(job))
    if full:
        return whole
    scope = Scope(project.target, job.settings.address)
    name = job.orchestration.name
    ranges = ledger.runs.last_cursors(name, scope) if ledger else last_cursors(project, name, scope)
    last = _last(ranges, whole)
    if last is None:
        return whole
    reached = cursor_value(last["reached"])
    since = cursor_since(reached, interval(job.orchestration.cursor_overlap))
    return replace(whole, since=since, reached=reached, name=last["name"])


def recorded_range(job: Job, record: RunRecord, started_at: datetime) -> CursorRange:
    """Return the range of rows of an earlier run, for a process that continues or retries it."""
    whole = CursorRange(job.orchestration.cursor or "", started_at, of=_identity(job))
    found = record.cursor
    if not found or found["column"] != whole.column:
        return whole
    since, reached = cursor_value(found["since"]), cursor_value(found["reached"])
    return replace(whole, since=since, reached=reached, name=found["name"])


def _last(ranges: Iterable[Mapping[str, Any]], whole: CursorRange) -> Mapping[str, Any] | None:
    """Return the last range of a run that sent the same to the same place, if that run reached anything."""
    same = (one for one in ranges if (one["column"], one.get("of")) == (whole.column, whole.of))
    return next((one for one in same if one["reached"] is not None), None)


def _identity(job: Job) -> str:
    """Return a digest of what is sent, where it is read, and where it goes."""
    warehouse = job.warehouse.name if job.warehouse else ""
    return sha256(f"{job.fingerprint} {warehouse} {job.settings.name}".encode()).hexdigest()[:16]
