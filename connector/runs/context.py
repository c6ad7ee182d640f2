"""What every step of a run works with."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connector.config.destination import AnyDestination, EventsDestination
from connector.config.project import Project
from connector.ledger.delivered import Since
from connector.ledger.ledger import Ledger
from connector.ledger.locks import RunLock
from connector.ledger.project_ledger import ledger_of, run_directory
from connector.ledger.records import Scope
from connector.observer import Observer
from connector.staging.skip_delivered import Known, nothing_known

REPEATABLE = timedelta(hours=47)
"""For how long after its first request an event may be sent again although it may have been taken: TikTok knows it by
its id for 48 hours (agreed by several sources), and a batch may be tried for a while."""

MARGIN = timedelta(hours=26)
"""Added to `max_age_days` for keys: a row may lie a little in the future, and so count as recent for longer; and a date
without a time is recent until the end of its last day, which may have 25 hours."""


@dataclass(frozen=True, slots=True)
class Execution:
    """The right to work on an orchestration of a project under its target, and who listens meanwhile."""

    project: Project
    ledger: Ledger
    lock: RunLock
    observer: Observer
    stop: threading.Event

    def directory(self, run_id: str) -> Path:
        """Where the stage of a run, and its left-out rows, are kept."""
        return run_directory(self.project, run_id)

    def scope(self, destination: AnyDestination) -> Scope:
        """Where what is delivered now counts."""
        return Scope(self.project.target, destination.api_url)


@contextmanager
def execution(project: Project, name: str, observer: Observer, stop: threading.Event) -> Iterator[Execution]:
    """Holds the orchestration from entry to exit. Raises LockedError where another process does."""
    with ledger_of(project) as ledger, ledger.lock(project.state_directory, name, project.target) as lock:
        yield Execution(project, ledger, lock, observer, stop)


def known_keys(
    ledger: Ledger,
    scope: Scope,
    destination: EventsDestination,
    *,
    test_event_code: str | None,
    resend_unknown: bool = False,
    but: str | None = None,
) -> Known:
    """The keys that count as delivered for a run in this scope; test events count nowhere, and nothing counts for them.

    With `resend_unknown`, events of which no answer ever came are not among them.
    """
    if test_event_code is not None:
        return nothing_known
    now = datetime.now(UTC)
    lost = None if resend_unknown else now - REPEATABLE
    since = Since(now - timedelta(days=destination.max_age_days) - MARGIN, lost)
    return lambda: ledger.delivered.known(scope, since, but=but)


def keep_until(destination: EventsDestination, test_event_code: str | None) -> datetime | None:
    """Until when the keys of what is sent now are kept; None: not at all."""
    if test_event_code is not None:
        return None
    return datetime.now(UTC) + timedelta(days=destination.max_age_days) + 2 * MARGIN
