"""Line items through the commands: identical rows, currencies, negative lines, and results without lines."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import inside
from tests.cli.shop import NAME, Shop, shop
from tests.cli.tiktok import TikTok, serving

FANNED_OUT = """
    SELECT 'o1' AS order_id, now() - INTERVAL 1 HOUR AS timestamp, 'a@example.com' AS email, 'A' AS content_id,
        12.74 AS value
    FROM range(3)
"""
ORDERS, COPIES = 20_000, 3
SHUFFLED = f"""
    SELECT 'o' || n % {ORDERS} AS order_id, now() - INTERVAL 1 HOUR AS timestamp, 'a@example.com' AS email,
        'c' || n % {ORDERS} AS content_id, 1.25 AS value
    FROM range({ORDERS * COPIES}) AS t (n) ORDER BY hash(n), n
"""
"""Every line three times, far apart from each other: no slice of the result holds all three of most."""


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


def events_of(tiktok: TikTok) -> list[dict[str, Any]]:
    """All events that TikTok was sent."""
    return [event for one in tiktok.accepted for event in json.loads(one.raw, parse_float=Decimal)["data"]]


def run(made: Shop) -> dict[str, Any]:
    """The record of a run."""
    return inside("run", NAME, "--json", project=made.directory).record()


def test_a_join_that_fans_out_is_told_by_preview_plan_and_run(tmp_path: Path, tiktok: TikTok) -> None:
    made = shop(tmp_path / "shop", tiktok.url, FANNED_OUT)
    for command in ("preview", "plan", "run"):
        found = inside(command, NAME, "--json", project=made.directory).json
        assert found["warnings"] == {"identical_rows": 2}, command
        assert found["identical_value"] == {"USD": "25.48"}, command
    (event,) = events_of(tiktok)
    assert event["properties"]["value"] == Decimal("38.22")
    for words in (["runs", "show", found["run_id"]], ["preview", NAME]):
        shown = inside(*words, project=made.directory)
        assert "adding 25.48 USD" in shown.stdout + shown.stderr, words


@pytest.mark.parametrize(
    ("how", "rows", "value"),
    [
        ("keep", {"delivered": ORDERS * COPIES, "rejected": 0, "skipped": 0}, Decimal("3.75")),
        ("drop", {"delivered": ORDERS, "rejected": 0, "skipped": ORDERS * (COPIES - 1)}, Decimal("1.25")),
    ],
)
def test_identical_rows_are_found_wherever_they_lie(
    tmp_path: Path, tiktok: TikTok, how: str, rows: dict[str, int], value: Decimal
) -> None:
    made = shop(tmp_path / "shop", tiktok.url, SHUFFLED, identical_rows=how)
    record = run(made)
    assert {name: record["rows"][name] for name in rows} == rows
    assert {event["properties"]["value"] for event in events_of(tiktok)} == {value}
    assert len(events_of(tiktok)) == ORDERS
    kept = how == "keep"
    assert record["warnings"] == ({"identical_rows": ORDERS * (COPIES - 1)} if kept else {})
    assert record.get("identical_value") == ({"USD": "50000"} if kept else None)


def test_a_line_that_comes_twice_on_purpose_can_be_told_apart_by_a_column(tmp_path: Path, tiktok: TikTok) -> None:
    query = FANNED_OUT.replace("FROM range(3)", ", 'line ' || n AS line FROM range(3) AS t (n)")
    template = {"extends": "tiktok_events", "parameters": {"content_name": "line"}}
    made = shop(tmp_path / "shop", tiktok.url, query, template=template, identical_rows="drop")
    assert run(made)["rows"]["delivered"] == 3


def test_events_in_two_currencies_or_of_negative_value_are_rejected_and_others_sent(
    tmp_path: Path, tiktok: TikTok
) -> None:
    query = """
        SELECT order_id, currency, value, now() - INTERVAL 1 HOUR AS timestamp, 'a@example.com' AS email
        FROM (VALUES ('two', 'USD', 10), ('two', 'JPY', 1000), ('less', 'USD', 5), ('less', 'USD', -7),
            ('coupon', 'USD', 20), ('coupon', 'USD', -5)) AS t (order_id, currency, value)
    """
    record = run(shop(tmp_path / "shop", tiktok.url, query))
    assert record["rejects"] == {"conflicting_currency": 2, "invalid_amount": 2}
    assert {event["properties"]["order_id"]: event["properties"]["value"] for event in events_of(tiktok)} == {
        "coupon": 15
    }


def test_an_address_that_is_added_later_counts_no_order_twice(tmp_path: Path, tiktok: TikTok) -> None:
    """The second day's query knows a phone of the same order, whose lines were scanned at other seconds."""
    first = """
        SELECT 'o1' AS order_id, date_trunc('day', now()) AS timestamp, 'a@example.com' AS email, 10 AS value
    """
    later = first.replace("AS email", "AS email, '+12065550100' AS phone").replace(
        "now())", "now()) + INTERVAL 1 SECOND"
    )
    made = shop(tmp_path / "shop", tiktok.url, first)
    run(made)
    made.query.write_text(later)
    assert run(made)["skips"] == {"already_delivered": 1}
    assert len(events_of(tiktok)) == 1


def test_two_purchases_of_one_person_on_one_day_are_two_events(tmp_path: Path, tiktok: TikTok) -> None:
    """A file with an address, a date and an amount, and a second one that day with one more purchase."""
    query = """
        SELECT 'a@example.com' AS email, (now() AT TIME ZONE 'UTC')::DATE - 1 AS timestamp, value
        FROM (VALUES (12.5), (7)) AS t (value)
    """
    made = shop(tmp_path / "shop", tiktok.url, query)
    assert run(made)["events"]["delivered"] == 2
    made.query.write_text(query.replace("(7)", "(7), (9), (9)"))
    record = run(made)
    assert record["rows"]["delivered"] == 1
    assert record["skips"] == {"already_delivered": 2, "duplicate": 1}
    by_value: dict[Decimal, int] = defaultdict(int)
    for event in events_of(tiktok):
        by_value[Decimal(event["properties"]["value"])] += 1
    assert by_value == {Decimal("12.5"): 1, Decimal(7): 1, Decimal(9): 1}


@pytest.mark.parametrize(
    ("wrong", "allowed"),
    [({"identical_rows": "remove"}, "keep, drop or reject"), ({"negative_lines": "keep"}, "subtract or reject")],
)
def test_what_an_orchestration_may_say_of_lines_is_checked(
    tmp_path: Path, tiktok: TikTok, wrong: dict[str, Any], allowed: str
) -> None:
    made = shop(tmp_path / "shop", tiktok.url, FANNED_OUT, **wrong)
    refused = inside("validate", project=made.directory)
    assert (refused.code, tiktok.requests) == (2, [])
    assert f'"{next(iter(wrong.values()))}"' in refused.stderr
    assert allowed in refused.stderr


LINE_WITHOUT_TIME = """
    SELECT order_id, timestamp, 'a@example.com' AS email, value
    FROM (VALUES ('o1', '2026-01-01', 10), ('o1', {time}, 5), ('o2', '2026-01-01', 20)) AS t (order_id, timestamp, value)
"""


@pytest.mark.parametrize("time", ["NULL", "'soon'"])
def test_an_order_of_which_a_line_has_no_time_leaves_once_it_is_whole(
    tmp_path: Path, tiktok: TikTok, time: str
) -> None:
    reason = "missing_timestamp" if time == "NULL" else "invalid_timestamp"
    query = LINE_WITHOUT_TIME.format(time=time).replace("2026-01-01", f"{datetime.now(UTC) - timedelta(1):%Y-%m-%d}")
    made = shop(tmp_path / "shop", tiktok.url, query)
    preview = inside("preview", NAME, "--json", project=made.directory).json
    assert [row["reason"] for row in preview["left_out"]] == ["incomplete_event", reason]
    assert [event["properties"]["order_id"] for event in preview["requests"][0]["data"]] == ["o2"]
    plan, record = inside("plan", NAME, "--json", project=made.directory).json, run(made)
    assert plan["rejects"] == record["rejects"] == {"incomplete_event": 1, reason: 1}
    made.query.write_text(query.replace(f"'o1', {time}", f"'o1', '{datetime.now(UTC) - timedelta(1):%Y-%m-%d}'"))
    assert run(made)["skips"] == {"already_delivered": 1}
    assert [(one["properties"]["order_id"], one["properties"]["value"]) for one in events_of(tiktok)] == [
        ("o2", 20),
        ("o1", 15),
    ]
