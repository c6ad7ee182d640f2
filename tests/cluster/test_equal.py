"""A run on a cluster sends the same events, excludes the same rows and counts the same as a run in one process."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.cli.command import inside
from tests.cli.tiktok import Received
from tests.cluster import market
from tests.cluster.spread import Result, Spread, assert_equal
from tests.duckdb_file import writing
from tests.postgres import Postgres

Project = Callable[..., Spread]

ALL, BEFORE = "FROM orders", "FROM before"
ROWS, EVENT_SOURCES = 60_001, 2


def begun(made: Spread, ledger: str) -> None:
    """Begin again with a ledger that knows delivered events and somebody who is not to be sent."""
    made.forget(ledger)
    made.shop.query.write_text(BEFORE)
    assert made.run("none").code == 0
    forgotten = inside("forget", "--email", market.JANE, "--json", project=made.directory)
    assert forgotten.code == 0, forgotten
    made.tiktok.requests.clear()
    made.shop.query.write_text(ALL)


def built(project: Project, order: str = market.FAR, rows: int = ROWS, **further: Any) -> Spread:
    """A project with a warehouse of orders, most of which have some fault or other."""
    made = project(ALL, max_reject_percent=100, **further)
    market.build(made.shop.warehouse, rows, order)
    return made


def in_one(made: Spread, ledger: str, *options: str) -> Result:
    """The outcome of the orders in one process; it has some of everything."""
    begun(made, ledger)
    one = made.result("none", *options)
    assert one.events
    assert one.excluded
    return one


def test_orders_are_the_same(project: Project, postgres: Postgres) -> None:
    made = built(project)
    one = in_one(made, postgres.new_database())
    assert one.record["rejects"].keys() >= {"incomplete_event", "missing_timestamp", "invalid_event_source_id"}
    assert one.record["skips"].keys() == {"already_delivered", "suppressed"}
    assert one.record["warnings"].keys() >= {"identical_rows", "invalid_email"}
    assert len({event.partition(b'"data"')[0] for event in one.events}) == EVENT_SOURCES
    begun(made, postgres.new_database())
    assert_equal(one, made.result())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("order", "orchestration"),
    [
        (market.FAR, {"identical_rows": "drop"}),
        (market.SHUFFLED, {"identical_rows": "keep"}),
        (market.SHUFFLED, {"identical_rows": "reject"}),
        (market.SHUFFLED, {"line_items": False}),
    ],
)
def test_it_does_not_matter_who_merges(
    project: Project, postgres: Postgres, order: str, orchestration: dict[str, Any]
) -> None:
    made = built(project, order, **orchestration)
    one = in_one(made, postgres.new_database())
    for merge_in_tasks in (False, True):
        begun(made, postgres.new_database())
        assert_equal(one, made.result(merge_in_tasks=merge_in_tasks))


@pytest.mark.slow
@pytest.mark.parametrize("engine", [{"splits": 2, "senders": 1}, {"splits": 30, "senders": 5}], ids=str)
def test_neither_the_splits_nor_the_senders_matter(
    project: Project, postgres: Postgres, engine: dict[str, int]
) -> None:
    made = built(project, engine=engine, destination={"max_in_flight": 8})
    one = in_one(made, postgres.new_database())
    begun(made, postgres.new_database())
    assert_equal(one, made.result(merge_in_tasks=True))


@pytest.mark.slow
def test_events_of_a_test_are_the_same(project: Project, postgres: Postgres) -> None:
    made = built(project)
    one = in_one(made, postgres.new_database(), "--test-event-code", "TEST123")
    assert all(b'"test_event_code":"TEST123"' in event for event in one.events)
    begun(made, postgres.new_database())
    assert_equal(one, made.result("cluster", "--test-event-code", "TEST123"))


@pytest.mark.slow
def test_nothing_left_to_send_is_the_same(project: Project, postgres: Postgres) -> None:
    made = built(project, rows=6_000)
    begun(made, postgres.new_database())
    made.result("none")
    made.tiktok.requests.clear()
    one = made.result("none")
    assert not one.events
    assert_equal(one, made.result())


@pytest.mark.slow
def test_an_empty_result_is_the_same(project: Project, postgres: Postgres) -> None:
    made = built(project, rows=0)
    made.shop.query.write_text(ALL)
    assert_equal(made.result("none"), made.result())


class Raw(list[Received]):
    """Requests as they came: what is read from millions of events would take gigabytes."""

    def append(self, request: Received) -> None:
        """Keep a request, and of its events only how many there are."""
        super().append(replace(request, headers={}, body={"data": [{}] * len(request.events)}))


def large(project: Project, order: str, rows: int, **further: Any) -> Spread:
    """A project with a large warehouse."""
    made = project(
        ALL, max_reject_percent=100, destination={"max_in_flight": 8, "requests_per_second": 1000}, **further
    )
    made.tiktok.requests = Raw()
    with writing(made.shop.warehouse) as connection:
        connection.execute(f"CREATE TABLE orders AS {market.ROWS.format(rows=rows, order=order)}")
    return made


@pytest.mark.slow
@pytest.mark.parametrize(
    ("order", "rows", "line_items"),
    [(market.FAR, 4_000_000, True), (market.SHUFFLED, 1_000_000, True), (market.SHUFFLED, 1_000_000, False)],
    ids=["4 M sorted", "1 M in any order", "1 M events"],
)
def test_large_results_are_the_same(
    project: Project, postgres: Postgres, order: str, rows: int, *, line_items: bool
) -> None:
    made = large(project, order, rows, line_items=line_items)
    one = made.result("none")
    assert one.record["rows"]["read"] == rows
    made.forget(postgres.new_database())
    assert_equal(one, made.result())
