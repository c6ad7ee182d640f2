"""How far a run is, as one picture that pages and streams share."""

from datetime import UTC, datetime
from typing import Any

from connector.core.outcomes import RunStatus
from connector.ledger.views.run_page import RunPage
from connector.ledger.views.work import RunProgress
from connector.reporting.html.page import number, seconds

STOPPING = "Stopping: requests in flight are finished first."


def picture_of(page: RunPage, status: RunStatus, now: datetime) -> dict[str, Any]:
    """Return the whole picture of a run: what a stream sends each time."""
    run, rows, progress = page.run, page.run.totals.rows, page.progress
    elapsed = max(0.0, (now.astimezone(UTC) - datetime.fromisoformat(run.started_at)).total_seconds())
    percent = progress.percent if progress else None
    return {
        "status": status.value,
        "phase": _phase(progress, status),
        "sentence": STOPPING if run.stop_requested_at and status is RunStatus.RUNNING else _sentence(page, status, now),
        "percent": None if percent is None else round(percent, 1),
        "rows": {"read": max(rows.read, progress.rows_read if progress else 0), "delivered": rows.delivered,
                 "rejected": rows.rejected, "skipped": rows.skipped, "pending": rows.pending},
        "retried": progress.retried if progress else 0,
        "elapsed": seconds(elapsed),
        "stopping": run.stop_requested_at is not None,
    }  # fmt: skip


def _phase(progress: RunProgress | None, status: RunStatus) -> str:
    if status is not RunStatus.RUNNING:
        return status.label
    return progress.phase.capitalize() if progress else "Running"


def _sentence(page: RunPage, status: RunStatus, now: datetime) -> str:
    progress = page.progress
    if status is not RunStatus.RUNNING:
        return f"{status.label}."
    if progress is None:
        return "Waiting to start…" if not page.run.totals.rows.read else "Running."
    if progress.phase == "reading" or not progress.total:
        return f"Reading: {number(progress.rows_read)} rows so far."
    unit = "identifiers" if progress.unit == "identifier" else "events"
    return f"Sending: {number(progress.done)} of {number(progress.total)} {unit}{_time_left(page, progress, now)}."


def _time_left(page: RunPage, progress: RunProgress, now: datetime) -> str:
    """Say about how long it takes, by the pace since the start; nothing while that says little."""
    elapsed = (now.astimezone(UTC) - datetime.fromisoformat(page.run.started_at)).total_seconds()
    if not progress.total or progress.done * 20 < progress.total or elapsed < 5:
        return ""
    left = elapsed * (progress.total - progress.done) / progress.done
    return f", about {seconds(max(1.0, left))} left"
