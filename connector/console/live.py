"""How far a run is: one picture, which pages and streams share, and one poller for each run that is watched."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from connector.core.outcomes import RunStatus
from connector.ledger.views.run_page import RunPage
from connector.ledger.views.work import RunProgress
from connector.reporting.html.page import number, seconds

POLL_SECONDS = 1.0
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


class RunWatch:
    """The picture of a run, read anew each second while somebody watches."""

    def __init__(self, read: Callable[[], dict[str, Any]]) -> None:
        self._read, self._readers = read, 0
        self._task: asyncio.Task[None] | None = None
        self.picture: dict[str, Any] = {}
        """The last picture; empty until there is one."""
        self.number = 0
        """Counts the pictures that differ."""

    @property
    def has_ended(self) -> bool:
        """True once the run is not in progress any more."""
        return bool(self.picture) and self.picture["status"] != RunStatus.RUNNING

    @property
    def is_read(self) -> bool:
        """True if somebody watches."""
        return self._readers > 0

    def join(self) -> None:
        """Count a reader, and read from now on."""
        self._readers += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._poll())

    def leave(self) -> None:
        """Count a reader less; without any, nothing is read."""
        self._readers -= 1

    async def _poll(self) -> None:
        while self._readers > 0 and not self.has_ended:
            picture = await asyncio.to_thread(self._read)
            if picture != self.picture:
                self.picture, self.number = picture, self.number + 1
            await asyncio.sleep(POLL_SECONDS)


class RunWatches:
    """The runs that somebody watches. Used by the thread of the server alone."""

    def __init__(self) -> None:
        self._watches: dict[str, RunWatch] = {}

    def join(self, run_id: str, read: Callable[[], dict[str, Any]]) -> RunWatch:
        """Return the watch of a run with one reader more."""
        watch = self._watches.setdefault(run_id, RunWatch(read))
        watch.join()
        return watch

    def leave(self, run_id: str) -> None:
        """Count a reader of a run less."""
        watch = self._watches[run_id]
        watch.leave()
        if not watch.is_read:
            del self._watches[run_id]
