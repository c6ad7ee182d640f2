"""Events whose rows lie all over a large result: what arrives, against a computation of its own."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from tests.cli.command import inside
from tests.cli.shop import NAME, Shop, shop
from tests.cli.tiktok import OK, Reply, TikTok, serving

ROWS, EVENTS = 140_000, 14_001
TABLE = f"""
SELECT
    row_number() OVER (ORDER BY hash(n), n) AS place
    , 'e' || n % {EVENTS} AS event_id
    , now() - to_seconds(n % {EVENTS}) AS timestamp
    , n % {EVENTS} || '@example.com' AS email
    , 'p' || n AS content_id
    , CAST(n * 7919 % 100000 AS DECIMAL(12, 2)) / 100 AS price
    , 1 + n % 4 AS quantity
    , CASE WHEN n % 997 = 0 THEN 'nowhere' ELSE 'in_store' END AS event_channel
    , CASE WHEN n % 1009 = 0 THEN 'another' ELSE 'one' END AS description
FROM range({ROWS}) AS numbers (n)
"""
QUERY = "SELECT * EXCLUDE (place, price), CAST(price AS DECIMAL(12, 2)) AS price FROM receipts ORDER BY place"
Row = tuple[Any, ...]


@pytest.fixture(scope="module")
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiktok: TikTok) -> Shop:
    """Its events are test events, so that each run sends all of them."""
    directory = tmp_path_factory.mktemp("slices") / "shop"
    return shop(directory, tiktok.url, QUERY, tables={"receipts": TABLE}, test_event_code="TEST1")


@pytest.fixture(scope="module")
def receipts(project: Shop) -> dict[str, list[Row]]:
    """(place, content_id, price, quantity, good, description, event_time) of each row, by event, in order."""
    sql = """
        SELECT event_id, place, content_id, CAST(price AS DECIMAL(12, 2)), quantity, event_channel = 'in_store',
            description, CAST(floor(epoch(timestamp)) AS BIGINT)
        FROM receipts ORDER BY place
    """
    by_event: dict[str, list[Row]] = defaultdict(list)
    with duckdb.connect(str(project.warehouse), read_only=True) as warehouse:
        for event_id, *row in warehouse.execute(sql).fetchall():
            by_event[event_id].append(tuple(row))
    return by_event


def sent(event: dict[str, Any]) -> tuple[Any, ...]:
    """An event as it arrived: its time, its items in their order, its value."""
    properties = event["properties"]
    items = [(one["content_id"], Decimal(repr(one["price"])), one["quantity"]) for one in properties["contents"]]
    return event["event_time"], items, Decimal(repr(properties["value"])), properties["description"]


def expected(rows: list[Row]) -> tuple[Any, ...]:
    """The event that these rows make, worked out by hand."""
    items = [(content_id, price, quantity) for _, content_id, price, quantity, *_ in rows]
    value = sum((price * quantity for _, price, quantity in items), Decimal(0))
    return rows[0][6], items, value, rows[0][5]


@pytest.fixture(scope="module")
def run(project: Shop, tiktok: TikTok) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The record of a run, and the events that arrived."""
    record = inside("run", NAME, "--json", project=project.directory).record()
    events = tiktok.events
    tiktok.requests.clear()
    return record, events


Run = tuple[dict[str, Any], list[dict[str, Any]]]


def whole(receipts: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """The events of which no row is bad."""
    return {event_id: rows for event_id, rows in receipts.items() if all(row[4] for row in rows)}


def test_rows_scattered_over_the_result_come_together_in_their_order(run: Run, receipts: dict[str, list[Row]]) -> None:
    _, events = run
    got, complete = {event["event_id"]: event for event in events}, whole(receipts)
    assert len(got) == len(events) == len(complete)
    assert [one for one, rows in complete.items() if sent(got[one]) != expected(rows)] == []


def test_every_scattered_row_is_counted_once(run: Run, receipts: dict[str, list[Row]]) -> None:
    record, _ = run
    complete = whole(receipts)
    bad = sum(not row[4] for rows in receipts.values() for row in rows)
    delivered = sum(map(len, complete.values()))
    assert record["rows"] == {
        "read": ROWS,
        "delivered": delivered,
        "rejected": ROWS - delivered,
        "skipped": 0,
        "pending": 0,
    }
    assert record["rejects"] == {"invalid_event_channel": bad, "incomplete_event": ROWS - delivered - bad}
    assert record["events"] == {"built": len(complete), "delivered": len(complete), "refused": 0}


def test_conflicting_rows_are_counted_alike_wherever_the_slices_end(run: Run, receipts: dict[str, list[Row]]) -> None:
    record, _ = run
    differing = sum(row[5] != rows[0][5] for rows in whole(receipts).values() for row in rows)
    assert record["warnings"] == {"conflicting_rows": differing}


def test_a_plan_of_scattered_rows_counts_what_a_run_then_does(project: Shop, run: Run, tiktok: TikTok) -> None:
    record, _ = run
    planned = inside("plan", NAME, "--json", project=project.directory).json
    assert planned["rows"]["to_send"] == record["rows"]["delivered"]
    assert planned["events"] == record["events"]["built"]
    assert planned["requests"] == record["requests"]["sent"]
    assert (planned["rejects"], planned["warnings"]) == (record["rejects"], record["warnings"])
    assert tiktok.requests == []


def test_without_line_items_the_first_good_row_stands_and_later_ones_are_skipped(
    project: Shop, receipts: dict[str, list[Row]], tiktok: TikTok
) -> None:
    project.settings.write_text(
        project.settings.read_text().replace("    query: purchases", "    query: purchases\n    line_items: false")
    )
    tiktok.requests.clear()
    record = inside("run", NAME, "--json", project=project.directory).record()
    good = {event_id: [row for row in rows if row[4]] for event_id, rows in receipts.items()}
    first = {event_id: rows[:1] for event_id, rows in good.items() if rows}
    got = {event["event_id"]: event for event in tiktok.events}
    assert len(got) == len(tiktok.events) == len(first)
    wrong = [event_id for event_id, rows in first.items() if sent(got[event_id]) != expected(rows)]
    assert wrong == []
    rows_good = sum(map(len, good.values()))
    assert record["rejects"] == {"invalid_event_channel": ROWS - rows_good}
    assert record["skips"] == {"duplicate": rows_good - len(first)}
    assert record["rows"]["delivered"] == len(first)


def test_an_event_of_scattered_rows_that_is_refused_leaves_all_its_rows_out(
    project: Shop, receipts: dict[str, list[Row]]
) -> None:
    refused, lock = "e5", threading.Lock()
    assert all(row[4] for row in receipts[refused])

    def answer(body: dict[str, Any]) -> Reply:
        with lock:
            found = any(event["event_id"] == refused for event in body["data"])
        return Reply(40002, "no such thing", 400) if found else OK

    with serving(answer) as server:
        own = shop(project.directory.parent / "refused", server.url, QUERY + " LIMIT 70000", tables={"receipts": TABLE})
        record = inside("run", NAME, "--json", project=own.directory).record()
        out = inside("rejects", record["run_id"], "--reason", "refused_by_tiktok", project=own.directory).stdout
    rows = [row for row in receipts[refused] if row[0] <= 70_000]
    assert record["rejects"]["refused_by_tiktok"] == len(rows) > 1
    assert [int(line.split(",")[0]) for line in out.splitlines()[1:]] == [row[0] for row in rows]
