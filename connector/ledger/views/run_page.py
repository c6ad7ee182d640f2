"""One run with everything that a page shows of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from connector.ledger.batch_records import RequestRecord
from connector.ledger.tables import batches, progress, requests, run_reports, runs
from connector.ledger.views.run_lists import ListedRun, listed_columns, read_listed
from connector.ledger.views.work import RunProgress, progress_columns, read_progress


@dataclass(frozen=True, slots=True)
class RouteSums:
    """The events of a run for one resource of its destination."""

    resource_type: str
    """The type of the resource, such as `offline`."""
    resource_id: str
    """Its id."""
    events: int
    """Events that were staged."""
    delivered: int
    """Events that were delivered."""
    refused: int
    """Events that were refused."""
    skipped: int
    """Events that were skipped."""
    rows: int
    """Rows of these events."""


@dataclass(frozen=True, slots=True)
class RunPage:
    """A run."""

    run: ListedRun
    """Its row in a list, without the user."""
    report: Mapping[str, Any] | None
    """The output of `connector runs show --json` when it ended; None if it has not ended, or ended before that was
    stored."""
    progress: RunProgress | None
    """How far it is, while it is in progress."""
    routes: tuple[RouteSums, ...] = ()
    """The sums of its batches by resource; empty with a report."""


@dataclass(frozen=True, slots=True)
class NumberedRequest:
    """A request of a run."""

    id: int
    """Its number in the ledger: `after` of the next page."""
    answered_at: str
    """The time of its answer, UTC in ISO 8601."""
    request: RequestRecord
    """The request."""


def read_run(connection: Connection, run_id: str) -> RunPage | None:
    """Return a run; None if there is none with this id.

    That is one statement for a run that has ended, and one for each of: no totals, no report.
    """
    joined = runs.outerjoin(run_reports, run_reports.c.run_id == runs.c.run_id)
    joined = joined.outerjoin(progress, progress.c.run_id == runs.c.run_id)
    query = select(*listed_columns(), run_reports.c.report, *progress_columns()).select_from(joined)
    row = connection.execute(query.where(runs.c.run_id == run_id)).one_or_none()
    if row is None:
        return None
    (run,) = read_listed(connection, [row])
    routes = () if row.report else tuple(_sum_routes(connection, run_id))
    return RunPage(run, row.report, read_progress(row), routes)


def list_requests(connection: Connection, run_id: str, *, after: int = 0, limit: int = 50) -> list[NumberedRequest]:
    """Return the requests of a run in the order of their answers, from the one that follows `after`."""
    names = ("id", "answered_at", *RequestRecord.__slots__)
    query = select(*(requests.c[name] for name in names)).where(requests.c.run_id == run_id, requests.c.id > after)
    rows = connection.execute(query.order_by(requests.c.id).limit(limit))
    return [NumberedRequest(number, at, RequestRecord(*values)) for number, at, *values in rows]


def _sum_routes(connection: Connection, run_id: str) -> list[RouteSums]:
    route = (batches.c.resource_type, batches.c.resource_id)
    names = ("events", "delivered_events", "refused_events", "skipped_events", "rows")
    query = select(*route, *(func.sum(batches.c[name]) for name in names)).where(batches.c.run_id == run_id)
    rows = connection.execute(query.group_by(*route).order_by(*route))
    return [RouteSums(kind, name, *map(int, sums)) for kind, name, *sums in rows]
