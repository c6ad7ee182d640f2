"""Services that tests of several packages need."""

from collections.abc import Iterator

import pytest

from tests.postgres import Postgres, postgres


@pytest.fixture(scope="session", name="postgres")
def postgres_server() -> Iterator[Postgres]:
    """One PostgreSQL for all tests of this process; a test makes a database of its own."""
    with postgres() as server:
        yield server
