"""What becomes of the shipped examples' rows, by the reference transform: the outcomes that the tutorial shows."""

from typing import Any

import pytest
import yaml

from tests import reference
from tests.example.project import ROOT, query, utc, warehouse_at

NOW = utc(2026, 11, 19, 23, 59, 59)
ANY_EVENT_SOURCE = {
    "missing_timestamp",
    "event_too_old",
    "event_in_future",
    "invalid_currency",
    "invalid_amount",
    "missing_identity",
}
REASONS = {
    "store_purchases": ANY_EVENT_SOURCE | {"invalid_identity", "incomplete_event"},
    "web_purchases": ANY_EVENT_SOURCE | {"unknown_event", "missing_page_url"},
}
WARNINGS = {
    "store_purchases": {
        "invalid_email",
        "invalid_phone",
        "currency_not_listed",
        "conflicting_rows",
        "placeholder_value",
        "identical_rows",
    },
    "web_purchases": {
        "invalid_email",
        "invalid_phone",
        "invalid_ip",
        "legacy_event_name",
        "missing_ip_for_ldu",
        "placeholder_value",
    },
}


def read_yaml(name: str) -> dict[str, Any]:
    settings: dict[str, Any] = yaml.safe_load((ROOT / name).read_text("utf-8"))
    return settings


def outcome(name: str) -> tuple[int, reference.Result]:
    """How many rows the orchestration's query gives at `NOW`, and what the reference makes of them."""
    project = read_yaml("orchestrations.yaml")
    orchestration = project["orchestrations"][name]
    destination = project["destinations"][orchestration["destination"]]
    template = read_yaml(f"templates/{orchestration.get('template', 'tiktok_events')}.yaml")["parameters"]
    settings = reference.Settings(
        started_at=int(NOW.timestamp()),
        event_source=destination["event_source"],
        event_source_id=destination["event_source_id"],
        fixed_event_name=destination.get("fixed_event_name"),
        limited_data_use=destination.get("limited_data_use", False),
        line_items=orchestration.get("line_items", True),
    )
    result = warehouse_at(NOW).sql(query(orchestration["query"], NOW))
    rows = [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]
    return len(rows), reference.transform(rows, settings, reference.identity_template() | template)


@pytest.mark.parametrize("name", REASONS)
def test_a_week_shows_every_reason_and_warning_that_such_data_can_have(name: str) -> None:
    _, result = outcome(name)
    assert set(result.rejected.values()) == REASONS[name]
    assert set(result.warnings) == WARNINGS[name]


def test_an_order_that_the_website_stored_twice_is_skipped_once() -> None:
    _, result = outcome("web_purchases")
    assert set(result.skipped.values()) == {"duplicate"}


def test_the_legacy_columns_make_events_without_a_template() -> None:
    read, result = outcome("legacy_offline_events")
    assert {event.event_source_id for event in result.events} == {"7654321098765432110"}
    assert {event.data["event"] for event in result.events} == {"CompletePayment"}
    assert result.warnings["legacy_event_name"] == read


@pytest.mark.parametrize("name", ["store_purchases", "web_purchases", "legacy_offline_events"])
def test_rejects_stay_under_the_limit_of_the_example(name: str) -> None:
    """Under 10 %, the max_reject_percent of store_purchases, with room."""
    read, result = outcome(name)
    assert len(result.rejected) < 0.08 * read
