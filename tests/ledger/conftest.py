"""Ledgers in both databases that a ledger may be in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.ledger.ledger import Ledger, open_ledger
from tests.ledger.processes import Processes, processes
from tests.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a ledger that is not there yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


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
