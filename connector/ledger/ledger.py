"""The ledger: the durable record of runs, batches, requests and delivered keys."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from connector.ledger.accounts import AudienceAccounts
    from connector.ledger.audit import Audit
    from connector.ledger.batches import Batches
    from connector.ledger.database import Database
    from connector.ledger.launches import Launches
    from connector.ledger.leases import Leases
    from connector.ledger.locks import RunLock
    from connector.ledger.members import Members
    from connector.ledger.notices import Notices
    from connector.ledger.orchestrations import OpenFailures, Pauses, Schedules
    from connector.ledger.pages import Pages
    from connector.ledger.rates import Rates
    from connector.ledger.read_files import Files
    from connector.ledger.remote_ids import RemoteIds
    from connector.ledger.requests import Requests
    from connector.ledger.runs import Runs
    from connector.ledger.sent_keys import DeliveredKeys
    from connector.ledger.splits import Splits
    from connector.ledger.suppression import SuppressionList
    from connector.ledger.timeline import Timeline
    from connector.ledger.totals import Totals


@dataclass(frozen=True, slots=True)
class Ledger:
    """The tables of the ledger. They share one database and are safe to use from several threads."""

    runs: "Runs"
    batches: "Batches"
    delivered: "DeliveredKeys"
    files: "Files"
    timeline: "Timeline"
    requests: "Requests"
    pages: "Pages"
    remote_ids: "RemoteIds"
    members: "Members"
    accounts: "AudienceAccounts"
    audit: "Audit"
    suppression: "SuppressionList"
    schedules: "Schedules"
    open_failures: "OpenFailures"
    totals: "Totals"
    database: "Database"

    @property
    def splits(self) -> "Splits":
        """The parts of staging that the machines of an engine work on."""
        from connector.ledger.splits import Splits

        return Splits(self.database)

    @property
    def leases(self) -> "Leases":
        """The ranges of batches that the senders of an engine take."""
        from connector.ledger.leases import Leases

        return Leases(self.database)

    @property
    def rates(self) -> "Rates":
        """The rates of requests that all machines share."""
        from connector.ledger.rates import Rates

        return Rates(self.database)

    @property
    def launches(self) -> "Launches":
        """The runs that somebody asked for."""
        from connector.ledger.launches import Launches

        return Launches(self.database)

    @property
    def pauses(self) -> "Pauses":
        """The schedules that are paused."""
        from connector.ledger.orchestrations import Pauses

        return Pauses(self.database)

    @property
    def notices(self) -> "Notices":
        """The notices to users."""
        from connector.ledger.notices import Notices

        return Notices(self.database)

    def lock(self, state_directory: Path, orchestration: str, target: str) -> "RunLock":
        """Return the lock of an orchestration under a target, to be entered."""
        from connector.ledger.locks import RunLock

        return RunLock(self.database, state_directory, orchestration, target)

    def lock_schedule(self, state_directory: Path, target: str) -> "RunLock":
        """Return the lock of the scheduler of a target, to be entered."""
        from connector.ledger.locks import START, RunLock

        return RunLock(self.database, state_directory, START, target)

    def is_held(self, state_directory: Path, orchestration: str, target: str) -> bool:
        """Return whether a process works on an orchestration under a target."""
        from connector.ledger.locks import holder_of

        return holder_of(self.database, state_directory, orchestration, target) is not None

    def close(self) -> None:
        """Close all connections."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_ledger(url: str, *, may_be_new: bool = True, worker: bool = False) -> Ledger:
    """Open the ledger at a SQLAlchemy URL, and create or upgrade it if necessary.

    For a `worker` of an engine, the server ends a transaction that stands still, because the process may be frozen, and
    does not wait long for a lock.

    Raises ConnectorError, also for a file without a ledger unless it `may_be_new`.
    """
    from connector.ledger.accounts import AudienceAccounts
    from connector.ledger.audit import Audit
    from connector.ledger.batches import Batches
    from connector.ledger.database import open_database
    from connector.ledger.members import Members
    from connector.ledger.orchestrations import OpenFailures, Schedules
    from connector.ledger.pages import Pages
    from connector.ledger.read_files import Files
    from connector.ledger.remote_ids import RemoteIds
    from connector.ledger.requests import Requests
    from connector.ledger.runs import Runs
    from connector.ledger.sent_keys import DeliveredKeys
    from connector.ledger.suppression import SuppressionList
    from connector.ledger.timeline import Timeline
    from connector.ledger.totals import Totals

    database = open_database(url, may_be_new=may_be_new, worker=worker)
    return Ledger(
        runs=Runs(database),
        batches=Batches(database),
        delivered=DeliveredKeys(database),
        files=Files(database),
        timeline=Timeline(database),
        requests=Requests(database),
        pages=Pages(database),
        remote_ids=RemoteIds(database),
        members=Members(database),
        accounts=AudienceAccounts(database),
        audit=Audit(database),
        suppression=SuppressionList(database),
        schedules=Schedules(database),
        open_failures=OpenFailures(database),
        totals=Totals(database),
        database=database,
    )
