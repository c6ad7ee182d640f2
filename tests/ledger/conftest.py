"""Ledgers in both databases that a ledger may be in."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from connector.ledger.ledger import Ledger, open_ledger
from tests.ledger.processes import Processes, processes
from tests.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Gives the URL of a ledger that is not there yet, each time of another."""
    if request.param == "sqlite":
        numbers = count()
        return lambda: f"sqlite:///{tmp_path / f'ledger{next(numbers)}.sqlite'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database


@pytest.fixture
def url(new_url: Callable[[], str]) -> str:
    """The URL of a ledger that is not there yet."""
    return new_url()


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """A new ledger."""
    with open_ledger(url) as opened:
        yield opened


@pytest.fixture(scope="session", name="processes")
def other_processes() -> Iterator[Processes]:
    """Processes that do what they are told at the same moment."""
    with processes() as started:
        yield started
