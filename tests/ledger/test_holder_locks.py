"""In PostgreSQL, whoever changes a run keeps others from changing it; those who only add to it do not wait for each other."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import OperationalError

from connector.ledger.ledger import open_ledger
from connector.ledger.locks import check_holder
from tests.ledger.runs import HOLDER, RUN, staged_run
from tests.postgres import Postgres


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    found = postgres.new_database()
    with open_ledger(found) as ledger:
        staged_run(ledger, batches=[2])
    yield found.replace("postgresql://", "postgresql+psycopg://")


@contextmanager
def transaction(url: str) -> Iterator[Connection]:
    """A transaction of another process, which does not wait."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("SET lock_timeout = '50ms'")
        yield connection


@pytest.mark.parametrize(
    ("first", "second", "may_go_on"),
    [(False, False, True), (False, True, False), (True, False, False), (True, True, False)],
)
def test_a_run_is_changed_by_one_transaction_at_a_time(url: str, first: bool, second: bool, may_go_on: bool) -> None:
    with transaction(url) as one, transaction(url) as other:
        check_holder(one, RUN, HOLDER, changing=first)
        if may_go_on:
            check_holder(other, RUN, HOLDER, changing=second)
        else:
            with pytest.raises(OperationalError, match="lock timeout"):
                check_holder(other, RUN, HOLDER, changing=second)


def test_rows_that_refer_to_a_run_are_added_while_it_is_changed(url: str) -> None:
    """A foreign key takes a lock of its own on the run's row."""
    with transaction(url) as one, transaction(url) as other:
        check_holder(one, RUN, HOLDER, changing=True)
        other.exec_driver_sql(f"INSERT INTO moments (run_id, at, what) VALUES ('{RUN}', '2026-01-01', 'asked')")
