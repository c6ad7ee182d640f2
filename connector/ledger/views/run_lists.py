"""Lists of runs, latest first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, union_all

from connector.core.outcomes import RunStatus
from connector.ledger.database import as_text
from connector.ledger.run_reader import leased_counts, sum_batches
from connector.ledger.run_records import DeliveryTotals, totals_from_json
from connector.ledger.runs import COMPLETED
from connector.ledger.tables import audit, runs

NAMES_AT_ONCE = 100
"""SQLite takes at most 500 selects in one statement."""

_COLUMNS = (
    "run_id",
    "orchestration",
    "target",
    "workflow",
    "destination",
    "api_url",
    "test_event_code",
    "status",
    "started_at",
    "finished_at",
    "seconds",
    "staged",
    "resumable",
    "error",
    "row_limit",
    "retry_of",
    "engine",
    "host",
    "holder",
    "stop_requested_at",
)


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run in a list."""

    run_id: str
    """Its id."""
    orchestration: str
    """The name of its orchestration."""
    target: str
    """The name of its target."""
    workflow: str
    """`manual` or `automatic`."""
    destination: str
    """The name of its destination."""
    api_url: str
    """The address of the destination's API."""
    test_event_code: str | None
    """The code of a test run; None for any other."""
    status: RunStatus
    """Its status in the ledger; that of a process that died stays `running`, see `ActiveLock.holder`."""
    started_at: str
    """Its start, UTC in ISO 8601."""
    finished_at: str | None
    """Its end, UTC in ISO 8601; None while it is running."""
    seconds: float
    """The seconds of the processes that have ended."""
    staged: bool
    """True if all its rows are staged."""
    resumable: bool
    """False if it cannot be resumed, and for completed runs."""
    error: str | None
    """The message of the error that ended it."""
    row_limit: int | None
    """The limit on its rows, if there is one."""
    retry_of: str | None
    """The run whose rejected rows it tries again, if it does."""
    engine: str | None
    """The name of the engine whose machines worked on it; None: one process did."""
    host: str | None
    """The machine with its stage."""
    holder: str | None
    """The lock of the process that works on it, or was the last to do so."""
    stop_requested_at: str | None
    """When somebody asked it to end early."""
    totals: DeliveryTotals
    """Its outcome in numbers; of a run in progress, those so far."""
    rejects: Mapping[str, int]
    """Rejected rows by reason, as far as they are in the row of the run."""
    by: str | None = None
    """The user who asked for it; None also if the list was read without users."""


@dataclass(frozen=True, slots=True)
class RunListFilter:
    """Conditions on the runs of a list; those that are empty or None do not apply."""

    target: str
    orchestration: str | None = None
    statuses: tuple[RunStatus, ...] = ()
    since: datetime | None = None
    before: str | None = None
    """The id of a run: only runs that follow it in the list, which are older. An unknown id gives an empty list."""
    limit: int = 50


def last_runs(connection: Connection, target: str, names: Sequence[str], each: int = 20) -> dict[str, list[ListedRun]]:
    """Return the last runs of each orchestration, latest first; an orchestration without runs has an empty list.

    That is one statement for each 100 names, and another if some runs have no totals, as those in progress.
    """
    rows: list[Any] = []
    for start in range(0, len(names), NAMES_AT_ONCE):
        some = names[start : start + NAMES_AT_ONCE]
        run_ids = union_all(*(select(_latest_ids(target, name, each).subquery()) for name in some))
        rows += connection.execute(_listed().where(runs.c.run_id.in_(run_ids))).all()
    by_name: dict[str, list[ListedRun]] = {name: [] for name in names}
    for run in read_listed(connection, rows):
        by_name[run.orchestration].append(run)
    for listed in by_name.values():
        listed.sort(key=lambda run: (run.started_at, run.run_id), reverse=True)
    return by_name


def last_completed(connection: Connection, target: str, names: Sequence[str]) -> dict[str, str]:
    """Return when the last completed run of each orchestration ended, retries not counted. Reads all of their runs."""
    query = (
        select(runs.c.orchestration, func.max(runs.c.finished_at))
        .where(runs.c.target == target, runs.c.orchestration.in_(names), runs.c.retry_of.is_(None))
        .where(runs.c.status.in_(COMPLETED))
        .group_by(runs.c.orchestration)
    )
    return {name: ended for name, ended in connection.execute(query) if ended}


def list_runs(connection: Connection, wanted: RunListFilter) -> list[ListedRun]:
    """Return a page of runs with their users, latest first; the id of the last one is `before` of the next page.

    That is one statement, and another if some runs have no totals, as those in progress.
    """
    query = _listed(_user()).where(*_conditions(wanted))
    in_order = query.order_by(runs.c.started_at.desc(), runs.c.run_id.desc()).limit(wanted.limit)
    return read_listed(connection, connection.execute(in_order).all())


def read_listed(connection: Connection, rows: Sequence[Any]) -> list[ListedRun]:
    """Return the runs of rows that have at least the columns of `_listed`."""
    unfinished = [row for row in rows if row.totals is None]
    sums = sum_batches(connection, unfinished, leased_counts(connection, unfinished)) if unfinished else {}
    return [_run(row, sums.get(row.run_id) or totals_from_json(row.totals)) for row in rows]


def listed_columns() -> list[ColumnElement[Any]]:
    """Return the columns that `read_listed` needs."""
    further = ("totals", "rows_read", "rejects", "skips", "unchanged_members")
    return [runs.c[name] for name in (*_COLUMNS, *further)]


def _listed(*further: ColumnElement[Any]) -> Any:
    return select(*listed_columns(), *further)


def _run(row: Any, totals: DeliveryTotals) -> ListedRun:
    values = {name: getattr(row, name) for name in _COLUMNS}
    values |= {"status": RunStatus(row.status), "seconds": row.seconds or 0.0}
    values["resumable"] = row.resumable and row.status not in COMPLETED
    return ListedRun(**values, totals=totals, rejects=row.rejects, by=getattr(row, "by", None))


def _latest_ids(target: str, name: str, limit: int) -> Any:
    ids = select(runs.c.run_id).where(runs.c.target == target, runs.c.orchestration == name)
    return ids.order_by(runs.c.started_at.desc(), runs.c.run_id.desc()).limit(limit)


def _user() -> ColumnElement[Any]:
    users = select(func.coalesce(audit.c.actor, audit.c.os_user)).where(audit.c.run_id == runs.c.run_id)
    return users.where(audit.c.allowed).order_by(audit.c.id).limit(1).scalar_subquery().label("by")


def _conditions(wanted: RunListFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [runs.c.target == wanted.target]
    if wanted.orchestration is not None:
        conditions.append(runs.c.orchestration == wanted.orchestration)
    if wanted.statuses:
        conditions.append(runs.c.status.in_(wanted.statuses))
    if wanted.since is not None:
        conditions.append(runs.c.started_at >= as_text(wanted.since))
    if wanted.before is not None:
        start = select(runs.c.started_at).where(runs.c.run_id == wanted.before).scalar_subquery()
        # The first comparison alone uses the index.
        older = or_(runs.c.started_at < start, runs.c.run_id < wanted.before)
        conditions.append(and_(runs.c.started_at <= start, older))
    return conditions
