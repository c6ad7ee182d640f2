"""A run on the simulator within the process is resumed by a later process, also if the simulator was deleted."""

import threading
from pathlib import Path

import pytest

from connector.config.addresses import SIMULATOR
from connector.core.outcomes import RunStatus
from connector.destinations.confirmation import Confirmation
from connector.errors import Interrupted
from connector.ledger.addresses import forget_address
from connector.ledger.ledger import open_ledger
from connector.observer import Silent
from connector.runs.engine import RunOptions
from connector.runs.resume import resume_run
from connector.runs.run import run_orchestration
from tests.audiences.shop import NAME, open_shop, wanted
from tests.audiences.test_mirror import person


class StopOnceStaged(Silent):
    """Interrupt a run as soon as all is staged."""

    def __init__(self) -> None:
        self.stop = threading.Event()

    def staged(self, events: int, requests: int, noun: str = "event") -> None:
        """See `Observer.staged`."""
        self.stop.set()


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("forgets", [False, True])
def test_rows_of_a_staged_run_are_counted_once(tmp_path: Path, times: int, forgets: bool) -> None:
    shop = open_shop(tmp_path / "shop", SIMULATOR)
    people = [person(number) for number in range(1, 20)]
    shop.people([*people, people[0], {"email": "nobody"}])
    observer, options = StopOnceStaged(), RunOptions(confirmation=Confirmation(yes=True))
    with pytest.raises(Interrupted):
        run_orchestration(shop.project, NAME, options, observer=observer, stop=observer.stop)
    for _ in range(times - 1):
        observer = StopOnceStaged()
        with pytest.raises(Interrupted):
            resume_run(shop.project, None, observer, observer.stop)
    if forgets:
        with open_ledger(shop.project.ledger_url) as ledger:
            forget_address(ledger.database, SIMULATOR)
        resumed = run_orchestration(shop.project, NAME, options, observer=Silent(), stop=threading.Event())
    else:
        resumed = resume_run(shop.project, None, Silent(), threading.Event())
    assert resumed.status is RunStatus.COMPLETED_WITH_REJECTS
    assert (resumed.rows.read, resumed.rejects) == (21, {"invalid_identity": 1, "missing_identity": 2})
    assert resumed.members is not None
    assert resumed.members.added == len(wanted(people))
    with open_ledger(shop.project.ledger_url) as ledger:
        records = ledger.runs.latest(100)
    assert len(records) == 1 + forgets
    assert all(record.rows.balanced for record in records)
    assert [record.resumable for record in records if record.run_id != resumed.run_id] == [False] * forgets
