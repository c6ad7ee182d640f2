"""Services that tests of several packages need."""

from collections.abc import Iterator

import pytest

from tests.postgres import Postgres, postgres
from tests.snowflake.account import Account, snowflake_account


@pytest.fixture(scope="session", name="postgres")
def postgres_server() -> Iterator[Postgres]:
    """One PostgreSQL for all tests of this process; a test makes a database of its own."""
    with postgres() as server:
        yield server


@pytest.fixture(scope="session", name="snowflake")
def snowflake_stand_in() -> Iterator[Account]:
    """One stand-in for Snowflake for all tests of this process."""
    with snowflake_account() as account:
        yield account
