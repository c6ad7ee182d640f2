"""Match coverage, freshness and value are those of what TikTok took, however the run went."""

import json
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.hashed_rows import AMOUNT, MATCHED_BY
from connector.reporting.html.series import daily_values
from connector.staging.event_metrics import AGE_NAMES, DayValue, EventMetrics, batch_metrics, sum_metrics
from tests.cli.command import inside
from tests.cli.shop import Shop, shop
from tests.cli.tiktok import OK, Reply, TikTok, serving
from tests.reporting import told

ROWS = """
    SELECT
        'e' || (n // 2) AS event_id
        , now() - to_seconds((n // 2) * 331 % 2000000) AS timestamp
        , CASE WHEN (n // 2) % 3 > 0 THEN 'p' || (n // 2) || '@example.com' END AS email
        , CASE WHEN (n // 2) % 3 = 0 THEN '+12125550100' END AS phone
        , CASE WHEN (n // 2) % 5 = 0 THEN 'click' || n // 2 END AS ttclid
        , CASE (n // 2) % 7 WHEN 0 THEN '203.0.114.7' WHEN 1 THEN '10.0.0.1' END AS ip
        , CASE (n // 2) % 4 WHEN 0 THEN 'EUR' WHEN 1 THEN 'usd' END AS currency
        , CASE WHEN (n // 2) % 11 > 0 THEN 0.10 + (n % 2) * 1000000.000001 END AS value
        , 'https://shop.example/' AS page_url
    FROM range({rows}) AS numbers (n)
"""
"""Two rows an event: identifiers, currencies and values come and go in steps that have no common divisor."""
WEB = {"event_source": "web", "event_source_id": "C4EXAMPLE0PIXEL0CODE", "max_in_flight": 1}
REVOKED = Reply(40105, "Access token is incorrect or has been revoked.", 401)


def show(made: Shop, run_id: str | None = None) -> dict[str, Any]:
    """What is known of a run, the latest unless it is named."""
    listed = inside("runs", "list", "--json", project=made.directory).json["runs"]
    return inside("runs", "show", run_id or listed[0]["run_id"], "--json", project=made.directory).json


def agrees(insight: dict[str, Any], tiktok: TikTok) -> None:
    """What is told of a run is what TikTok took."""
    events = told.taken(tiktok)
    covered = {name: insight["match_coverage"][name]["events"] for name in MATCHED_BY}
    assert insight["match_coverage"]["events"] == len(events) == insight["events"]["delivered"]
    assert {name: count for name, count in covered.items() if count} == told.coverage(events)
    assert told.shown(insight) == told.values(events)
    assert sum(one["events"] for one in insight["freshness"]) == len(events)


def test_a_run_tells_by_what_its_events_can_be_matched_and_what_they_are_worth(tmp_path: Path) -> None:
    with serving() as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, ROWS.format(rows=3_000), destination=WEB)
        assert inside("run", "purchases", project=made.directory).code == 0
    insight = show(made)
    agrees(insight, tiktok)
    coverage = insight["match_coverage"]
    assert coverage["email"] == {"events": 1_000, "percent": 66.67}
    assert coverage["tiktok_click_id"]["events"] == 300
    assert coverage["ip"]["events"] == 215


def test_events_whose_rows_lie_far_apart_and_known_ones_are_counted_once(tmp_path: Path) -> None:
    """Each event's second row lies half of the result after its first; the second run has what the first had, and more."""
    apart = f"SELECT * EXCLUDE (half) FROM (SELECT *, row_number() OVER () % 2 AS half FROM ({ROWS}) AS all_rows) AS halves ORDER BY half"
    with serving() as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, apart.format(rows=1_000), destination=WEB)
        assert inside("run", "purchases", project=made.directory).code == 0
        agrees(show(made), tiktok)
        tiktok.requests.clear()
        made.query.write_text(apart.format(rows=36_000))
        assert inside("run", "purchases", project=made.directory).code == 0
        agrees(show(made), tiktok)
    assert len(told.taken(tiktok)) == 17_500


def test_a_run_that_was_halved_stopped_and_resumed_counts_each_event_once(tmp_path: Path) -> None:
    stopped, lock = iter(range(100)), threading.Lock()

    def answer(body: dict[str, Any]) -> Reply:
        if any(event["event_id"] in {"e1007", "e1500"} for event in body["data"]):
            return Reply(40002, "Invalid value.", 400)
        with lock:
            return REVOKED if next(stopped) == 5 else OK

    with serving(answer) as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, ROWS.format(rows=8_000), destination=WEB)
        first = inside("run", "purchases", project=made.directory)
        assert first.code == 1
        half = show(made)
        agrees(half, tiktok)
        assert half["rows"]["pending"] > 0
        assert inside("resume", project=made.directory).code == 0
        whole = show(made)
        agrees(whole, tiktok)
    assert whole["rejects"] == {"refused_by_tiktok": 4}
    assert whole["events"]["delivered"] == 3_998
    assert [one["what"] for one in whole["timeline"]] == [
        "started", "asked", "staged", "first_request", "failed", "resumed", "last_answer", "completed_with_rejects",
    ]  # fmt: skip


def test_a_run_of_which_nothing_was_delivered_has_no_figures(tmp_path: Path) -> None:
    with serving(lambda body: REVOKED) as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, ROWS.format(rows=20), destination=WEB)
        run = inside("run", "purchases", project=made.directory)
    insight = show(made)
    assert run.code == 1
    assert [insight[key] for key in ("match_coverage", "freshness", "value", "shown_by")] == [None] * 4


def test_the_output_says_until_when_tiktok_shows_events(tmp_path: Path) -> None:
    with serving() as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, ROWS.format(rows=20), destination=WEB)
        run = inside("run", "purchases", project=made.directory)
        insight = show(made)
        test = inside("run", "purchases", "--test-event-code", "TEST1", project=made.directory)
    assert insight["shown_by"] is None, "a server on this machine is a simulator"
    sent_to(made, insight["run_id"], "https://business-api.tiktok.com")
    ended = datetime.fromisoformat(insight["finished_at"])
    latest = datetime.fromisoformat(show(made, insight["run_id"])["shown_by"])
    assert (latest - ended).total_seconds() == 24 * 3_600
    shown = inside("runs", "show", insight["run_id"], project=made.directory)
    assert f"to be seen by {latest:%Y-%m-%d %H:%M} UTC" in shown.stdout
    assert "to be seen by" not in run.stdout
    assert "to be seen by" not in test.stdout


@pytest.mark.parametrize(
    "address",
    [
        "simulator",
        "http://127.0.0.1:8787",
        "http://localhost:8787",
        "http://[::1]:8787",
        "https://127.0.0.1:8787",
        "/var/events",
        "s3://bucket/events",
        "sftp://files.example/events",
    ],
)
def test_what_is_not_sent_to_tiktok_is_not_said_to_be_shown_later(address: str, tmp_path: Path) -> None:
    made = shop(tmp_path / "shop", "simulator", ROWS.format(rows=20), destination=WEB)
    assert inside("run", "purchases", project=made.directory).code == 0
    run_id = show(made)["run_id"]
    sent_to(made, run_id, address)
    assert show(made, run_id)["shown_by"] is None


def sent_to(made: Shop, run_id: str, address: str) -> None:
    """Have the ledger say that a run was sent there."""
    with closing(sqlite3.connect(made.state / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("UPDATE runs SET api_url = ? WHERE run_id = ?", (address, run_id))


# Counting alone ---------------------------------------------------------------------------------------------

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BOUNDS = [0, 3_600, 21_600, 86_400, 172_800, 259_200, 604_800, 1_209_600, 2_419_200]
EVENT = st.tuples(
    st.one_of(st.integers(-600, 40 * 86_400), st.sampled_from([one + step for one in BOUNDS for step in (-1, 0, 1)])),
    st.sampled_from(["USD", "EUR", "JPY"]),
    st.integers(0, 63),
    st.one_of(st.none(), st.decimals(0, Decimal("99999999999999999999.999999"), places=6)),
)


def batch(events: list[tuple[int, str, int, Decimal | None]]) -> pa.RecordBatch:
    """Events of such ages, currencies, marks and values."""
    ages, currencies, marks, amounts = zip(*events, strict=True) if events else ([], [], [], [])
    columns = {
        "time": pa.array([int(NOW.timestamp()) - age for age in ages], pa.int64()),
        "currency": pa.array(currencies, pa.string()),
        "marks": pa.array(marks, pa.uint8()),
        "amount": pa.array(amounts, AMOUNT),
    }
    return pa.record_batch(columns)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(EVENT, min_size=1, max_size=40), st.integers(0, 40))
def test_parts_add_up_to_what_a_loop_over_the_events_counts(events: list[Any], cut: int) -> None:
    parts = [batch_metrics(batch(some), NOW) for some in (events[:cut], events[cut:])]
    kept = [json.loads(json.dumps(part)) for part in parts if part]
    run = sum_metrics(kept)
    assert run is not None
    assert run.events == len(events)
    for place, name in enumerate(MATCHED_BY):
        assert run.matched[name] == sum(marks >> place & 1 for _, _, marks, _ in events)
    for place, name in enumerate(AGE_NAMES):
        low = BOUNDS[place] if place else -(10**9)
        high = BOUNDS[place + 1] if place + 1 < len(BOUNDS) else 10**9
        assert run.ages[name] == sum(low <= age < high for age, _, _, _ in events)
    for currency in ("USD", "EUR", "JPY"):
        known = [amount for _, of, _, amount in events if of == currency and amount is not None]
        assert run.totals.get(currency) == (sum(known, Decimal(0)) if known else None)


def test_a_stage_of_an_earlier_version_has_none() -> None:
    old = batch([(0, "USD", 1, None)]).drop_columns(["marks"])
    assert batch_metrics(old, NOW) is None
    assert batch_metrics(old.append_column("marks", pa.nulls(1, pa.uint8())), NOW) is None
    assert sum_metrics([]) is None


def test_a_currency_of_which_no_event_had_a_value_is_not_drawn() -> None:
    metrics = EventMetrics(
        values=[
            DayValue("USD", date(2026, 11, 20), 3, Decimal("7.5")),
            DayValue("USD", date(2026, 11, 22), 1, None),
            DayValue("EUR", date(2026, 11, 20), 9, None),
        ]
    )
    (drawn,) = daily_values(metrics)
    assert drawn.title == "USD"
    assert [column.exact for column in drawn.columns] == [Decimal("7.5"), None, None]


def test_columns_of_a_total_stand_by_the_number_of_events() -> None:
    day = date(2026, 11, 20)
    metrics = EventMetrics(values=[DayValue("EUR", day, 2, Decimal(9)), DayValue("USD", day, 5, Decimal(1))])
    assert [series.title for series in daily_values(metrics)] == ["USD", "EUR"]
