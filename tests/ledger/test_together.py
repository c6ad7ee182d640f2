"""Writes that share a transaction: all of them are there afterwards, and the failure of one is its own."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

from connector.errors import LedgerUnavailable, LockedError, ResumableError
from connector.ledger.database import Database, open_database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path}/ledger.sqlite")
    with opened.writing() as connection:
        connection.execute(text("CREATE TABLE written (number INTEGER PRIMARY KEY)"))
    yield opened
    opened.close()


def _writes(number: int) -> Any:
    return lambda connection: connection.execute(text("INSERT INTO written VALUES (:n)"), {"n": number})


def _written(database: Database) -> list[int]:
    with database.reading() as connection:
        return list(connection.execute(text("SELECT number FROM written ORDER BY number")).scalars())


def _commits(database: Database) -> list[None]:
    counted: list[None] = []
    event.listen(database._engine, "commit", lambda _: counted.append(None))
    return counted


def _gathered(database: Database, works: list[Any]) -> list[BaseException | None]:
    """What each work raises, where all of them are asked for while another transaction is under way."""
    held, gathered = Event(), Event()

    def hold(_: Connection) -> None:
        held.set()
        assert gathered.wait(30)

    holder = Thread(target=lambda: database.group_commit(hold))
    holder.start()
    assert held.wait(30)
    with ThreadPoolExecutor(len(works)) as threads:
        asked = [threads.submit(database.group_commit, work) for work in works]
        while len(database._group_commit._waiting) < len(works):
            pass
        gathered.set()
        found = [one.exception(timeout=30) for one in asked]
    holder.join(30)
    return found


def test_writes_that_gather_behind_another_are_committed_at_once(database: Database) -> None:
    commits = _commits(database)
    assert _gathered(database, [_writes(number) for number in range(7)]) == [None] * 7
    assert _written(database) == list(range(7))
    assert len(commits) == 2


def test_what_one_of_them_raises_is_raised_to_it_alone_and_undoes_nothing_of_the_others(database: Database) -> None:
    def refused(connection: Connection) -> None:
        _writes(99)(connection)
        raise LockedError("taken over")

    works = [_writes(1), refused, _writes(2), _writes(1), _writes(3)]
    found = _gathered(database, works)
    assert isinstance(found[1], LockedError)
    failed = [place for place, error in enumerate(found) if isinstance(error, ResumableError)]
    assert failed in ([0], [3])
    assert [place for place, error in enumerate(found) if error is None] == [
        place for place in (0, 2, 3, 4) if place not in failed
    ]
    assert _written(database) == [1, 2, 3]


def test_nothing_is_written_twice_if_the_answer_to_a_commit_is_lost(database: Database) -> None:
    """The server may have committed before it went away, and counts must not be added again."""
    called: list[int] = []

    def adds(number: int) -> Any:
        def add(connection: Connection) -> None:
            called.append(number)
            connection.execute(text("INSERT INTO written SELECT coalesce(max(number), 0) + 1 FROM written"))

        return add

    def lose(_: Connection) -> None:
        if called:
            raise OperationalError("COMMIT", {}, Exception("server closed the connection unexpectedly"))

    event.listen(database._engine, "commit", lose)
    found = _gathered(database, [adds(number) for number in range(3)])
    assert [type(error) for error in found] == [LedgerUnavailable] * 3
    assert called == [0, 1, 2]


def test_many_threads_that_write_at_once_lose_nothing(database: Database) -> None:
    barrier = Barrier(8)

    def write(first: int) -> None:
        barrier.wait(30)
        for number in range(first, 400, 8):
            database.group_commit(_writes(number))

    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(write, first) for first in range(8)]:
            done.result(timeout=60)
    assert _written(database) == list(range(400))


def test_what_is_interrupted_is_written_by_the_next(database: Database) -> None:
    interrupted = False

    def write(connection: Connection) -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            raise KeyboardInterrupt
        _writes(5)(connection)

    with pytest.raises(KeyboardInterrupt):
        database.group_commit(write)
    database.group_commit(_writes(6))
    assert _written(database) == [5, 6]
