"""Two runs of one orchestration never overlap."""

import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, select

from connector.core.outcomes import RunStatus
from connector.core.route import Route
from connector.errors import ConnectorError, LockedError
from connector.ledger.batch_records import BatchRecord
from connector.ledger.ledger import Ledger, open_ledger
from connector.ledger.locks import FOLDER, SECONDS_UNTIL_DEAD, RunLock
from connector.ledger.run_records import NewRun
from connector.ledger.tables import locks
from tests.ledger.processes import Processes, killed_while
from tests.ledger.runs import HOLDER, RUN, SCOPE, set_back, staged_rows, staged_run, writing
from tests.postgres import Postgres

NAMES = ("o", "t")
WAITS = 30


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A state folder."""
    return tmp_path / "here" / ".connector"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """The state folder of another machine."""
    return tmp_path / "there" / ".connector"


def refused(ledger: Ledger, state: Path, names: tuple[str, str] = NAMES) -> str:
    """What is said to whoever comes second."""
    with pytest.raises(LockedError) as said:
        with ledger.lock(state, *names):
            pass
    return said.value.message


def entries(ledger: Ledger) -> int:
    with ledger.database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(locks)).scalar_one())


@pytest.mark.parametrize("second", ["here", "there"])
def test_the_second_is_told_who_holds_it(ledger: Ledger, here: Path, tmp_path: Path, second: str) -> None:
    with ledger.lock(here, *NAMES):
        said = refused(ledger, tmp_path / second / ".connector")
    who = re.escape(f"o (target t) is being run by process {os.getpid()} on {socket.gethostname()} since ")
    assert re.fullmatch(who + r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00: wait until it has ended, or stop it\.", said)


def test_two_threads(ledger: Ledger, here: Path) -> None:
    said: list[str] = []
    with ledger.lock(here, *NAMES):
        other = threading.Thread(target=lambda: said.append(refused(ledger, here)))
        other.start()
        other.join(WAITS)
    assert len(said) == 1
    assert "is being run by process" in said[0]


@pytest.mark.parametrize("second", ["here", "there"])
def test_it_is_free_again_afterwards(ledger: Ledger, here: Path, tmp_path: Path, second: str) -> None:
    with pytest.raises(ZeroDivisionError), ledger.lock(here, *NAMES):
        raise ZeroDivisionError
    assert entries(ledger) == 0
    with ledger.lock(tmp_path / second / ".connector", *NAMES):
        assert entries(ledger) == 1


DIFFERENT = [
    (("o", "t"), ("p", "t")),
    (("o", "t"), ("o", "u")),
    (("a.b", "c"), ("a", "b.c")),
    (("b.c", "a"), ("c", "a.b")),
    (("a/b", "c"), ("a%2Fb", "c")),
    (("x" * 300, "t"), ("x" * 301, "t")),
]


@pytest.mark.parametrize("second", ["here", "there"])
def test_different_ones_do_not_block_each_other(ledger: Ledger, here: Path, tmp_path: Path, second: str) -> None:
    for one, other in DIFFERENT:
        with ledger.lock(here, *one), ledger.lock(tmp_path / second / ".connector", *other):
            assert entries(ledger) == 2


ODD = ["../../o", "/o", ".", "..", "a b", "ü€😀", "ü" * 300, "CON", 'a"b', "a\nb", "", "place"]


def test_any_name_is_the_name_of_a_file_in_its_folder(ledger: Ledger, here: Path) -> None:
    for names in [(name, "t") for name in ODD] + [("o", name) for name in ODD]:
        with ledger.lock(here, *names):
            assert "is being run by process" in refused(ledger, here, names)
    files = [path for path in here.parent.rglob("*") if path.is_file() and path.suffix == ".lock"]
    assert {path.parent for path in files} == {here / FOLDER}
    assert len(files) == 2 * len(ODD) + 1


def holds(url: str, state: Path, names: tuple[str, str]) -> Iterator[None]:
    """What another process does until it is killed."""
    with open_ledger(url) as ledger, ledger.lock(state, *names):
        yield


def test_a_dead_process_of_the_same_folder_holds_nobody_back(ledger: Ledger, url: str, here: Path) -> None:
    with killed_while(holds, url, here, NAMES) as process_id:
        assert f"by process {process_id} on" in refused(ledger, here)
    assert entries(ledger) == 1
    with ledger.lock(here, *NAMES):
        assert entries(ledger) == 1


def test_a_dead_process_of_another_folder_holds_back_until_it_gave_no_sign_for_long(
    ledger: Ledger, url: str, here: Path, there: Path
) -> None:
    with killed_while(holds, url, there, NAMES) as process_id:
        pass
    assert f"by process {process_id} on" in refused(ledger, here)
    set_back(ledger, SECONDS_UNTIL_DEAD)
    with ledger.lock(here, *NAMES):
        assert f"by process {os.getpid()} on" in refused(ledger, there)


def takes(url: str, folder: Path, process: int) -> str | None:
    """Tries to take it as a machine of its own, which then dies; what it is told, if it is refused."""
    with open_ledger(url) as ledger:
        try:
            ledger.lock(folder / f"machine {process}", *NAMES).__enter__()
        except LockedError as refusal:
            return refusal.message
    return None


@pytest.mark.parametrize("stale", [False, True], ids=["free", "held by one that is dead"])
def test_of_several_machines_that_come_at_once_one_gets_it(
    ledger: Ledger, url: str, processes: Processes, tmp_path: Path, stale: bool
) -> None:
    if stale:
        dead = {"holder": "dead", "place": "elsewhere", "host": "elsewhere", "process": 1, "since": "", "alive_at": 0.0}
        with writing(ledger) as connection:
            connection.execute(locks.insert().values(orchestration=NAMES[0], target=NAMES[1], **dead))
    said = processes.all_at_once(takes, url, tmp_path)
    assert said.count(None) == 1
    assert all("is being run by process" in one for one in said if one)


def sending(ledger: Ledger, lock: RunLock) -> None:
    ledger.batches.sending(RUN, 0, holder=lock.holder, keys=None)


def begins(ledger: Ledger, lock: RunLock) -> None:
    """The lock's holder stages a run of one batch."""
    new = NewRun(RUN, NAMES[0], SCOPE.target, "manual", "d", SCOPE.api_url, None, datetime.now(UTC))
    ledger.runs.start(new, holder=lock.holder, host=lock.host)
    ledger.runs.staged(RUN, staged_rows([5]), holder=lock.holder)


def staged_again(ledger: Ledger, lock: RunLock) -> None:
    ledger.runs.staged(RUN, staged_rows([5, 7]), holder=lock.holder)


def staged_early(ledger: Ledger, lock: RunLock) -> None:
    ledger.runs.batches_staged(
        RUN, [BatchRecord(1, Route("offline", "1"), "events.arrow", 1, 3, 3)], holder=lock.holder
    )


def ends(ledger: Ledger, lock: RunLock) -> None:
    ledger.runs.finish(RUN, RunStatus.FAILED, error="It was asleep.", holder=lock.holder)


@pytest.mark.parametrize("resumed", [False, True], ids=["left where it is staged", "resumed"])
def test_whoever_was_thought_dead_sends_and_writes_nothing_more(
    ledger: Ledger, url: str, here: Path, there: Path, resumed: bool
) -> None:
    """Also where its run stays as it is: the other's own run sends the same events."""
    with open_ledger(url) as elsewhere, ledger.lock(here, *NAMES) as old:
        begins(ledger, old)
        sending(ledger, old)
        set_back(ledger, SECONDS_UNTIL_DEAD + 1)
        with elsewhere.lock(there, *NAMES) as new:
            if resumed:
                elsewhere.runs.resume(RUN, holder=new.holder, host=new.host)
            before = ledger.runs.get(RUN)
            with pytest.raises(LockedError, match=f"Run {RUN} was taken over by another process"):
                sending(ledger, old)
            for says in (staged_again, staged_early, ends):
                with pytest.raises(LockedError, match="taken over"):
                    says(ledger, old)
            assert ledger.runs.get(RUN) == before
        with pytest.raises(LockedError):
            sending(ledger, old)


def test_the_end_of_one_that_was_thought_dead_frees_nothing(
    ledger: Ledger, here: Path, there: Path, tmp_path: Path
) -> None:
    with ledger.lock(here, *NAMES):
        set_back(ledger, SECONDS_UNTIL_DEAD + 1)
        new = ledger.lock(there, *NAMES)
        new.__enter__()
    assert entries(ledger) == 1
    refused(ledger, tmp_path / "third")
    new.__exit__()


def alive_at(ledger: Ledger) -> float:
    with ledger.database.reading() as connection:
        return float(connection.execute(select(locks.c.alive_at)).scalar_one())


def gives_a_sign(ledger: Ledger) -> None:
    """Waits until there is a sign of life later than now."""
    before, until = alive_at(ledger), time.monotonic() + WAITS
    while alive_at(ledger) <= before:
        assert time.monotonic() < until, "no sign of life was given"
        time.sleep(0.01)


def test_whoever_holds_it_gives_signs_of_life(ledger: Ledger, here: Path, there: Path) -> None:
    with RunLock(ledger.database, here, *NAMES, seconds_between_heartbeats=0.02):
        set_back(ledger, 10 * SECONDS_UNTIL_DEAD)
        gives_a_sign(ledger)
        refused(ledger, there)


@contextmanager
def unreachable(postgres: Postgres, url: str) -> Iterator[None]:
    """Nobody gets to this database, and whoever was there is thrown out."""
    name = url.rpartition("/")[2].encode()
    with psycopg.connect(postgres.url, autocommit=True) as admin:
        admin.execute(b"ALTER DATABASE %s ALLOW_CONNECTIONS false" % name)
        admin.execute(b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'" % name)
        yield
        admin.execute(b"ALTER DATABASE %s ALLOW_CONNECTIONS true" % name)


def test_a_ledger_that_goes_away_and_comes_back_costs_nobody_the_lock(
    postgres: Postgres, here: Path, there: Path
) -> None:
    url = postgres.new_database()
    with open_ledger(url) as ledger:
        with RunLock(ledger.database, here, *NAMES, seconds_between_heartbeats=0.02) as lock:
            begins(ledger, lock)
            with unreachable(postgres, url):
                with pytest.raises(ConnectorError, match="The ledger could not be read"):
                    alive_at(ledger)
                time.sleep(0.1)
            gives_a_sign(ledger)
            refused(ledger, there)
            sending(ledger, lock)
        assert entries(ledger) == 0


def test_a_lock_can_be_left_while_the_ledger_is_away(postgres: Postgres, here: Path) -> None:
    url = postgres.new_database()
    with open_ledger(url) as ledger:
        lock = ledger.lock(here, *NAMES)
        lock.__enter__()
        with unreachable(postgres, url):
            lock.__exit__()
        with ledger.lock(here, *NAMES):
            assert entries(ledger) == 1


def test_a_run_that_was_begun_by_a_process_that_was_thought_dead_sends_nothing(ledger: Ledger, here: Path) -> None:
    staged_run(ledger, batches=[1])
    with ledger.lock(here, "o", SCOPE.target):
        with pytest.raises(LockedError, match="taken over"):
            ledger.batches.sending(RUN, 0, holder=HOLDER, keys=None)
