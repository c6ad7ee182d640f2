"""What holds of the reference for any table, and that the strategies reach what they are for."""

import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, seed, settings

from tests.reference import Result, event_json, transform
from tests.strategies import Example, examples

pytestmark = pytest.mark.thorough

EXPECTED = {
    "invalid_event_source_id", "missing_event", "unknown_event", "missing_timestamp", "invalid_timestamp", "event_too_old",
    "event_in_future", "invalid_currency", "invalid_amount", "invalid_event_channel", "invalid_id", "missing_page_url", "missing_identity",
    "invalid_identity", "incomplete_event", "duplicate", "invalid_email", "invalid_phone", "invalid_ip", "legacy_event_name",
    "currency_not_listed", "conflicting_rows", "conflicting_currency", "identical_rows", "incomplete_amount", "missing_ip_for_ldu", "web", "offline", "line_items",
}  # fmt: skip
UNHURRIED = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def outcome(example: Example) -> Result:
    return transform(example.table.to_pylist(), example.settings, example.template)


@UNHURRIED
@given(examples())
def test_every_row_is_sent_or_rejected_or_skipped(example: Example) -> None:
    result = outcome(example)
    sent = [row for event in result.events for row in event.rows]
    assert sorted([*sent, *result.rejected, *result.skipped]) == list(range(1, example.table.num_rows + 1))


@UNHURRIED
@given(examples())
def test_events_are_json_objects_with_keys_of_their_own(example: Example) -> None:
    result = outcome(example)
    written = [json.loads(event_json(event)) for event in result.events]
    keys = Counter(
        (event.event_source, event.event_source_id, data["event"], data["event_id"])
        for event, data in zip(result.events, written, strict=True)
    )
    assert all(count == 1 for count in keys.values())


def test_the_strategies_reach_every_reason_and_warning() -> None:
    """Draws until everything has been seen, which is a matter of a few hundred tables."""
    seen: Counter[str] = Counter()

    def look(example: Example) -> None:
        result = outcome(example)
        seen.update([*result.rejected.values(), *result.skipped.values(), *result.warnings])
        seen.update("line_items" for event in result.events if len(event.rows) > 1)
        seen.update(event.event_source for event in result.events)

    hurried = settings(UNHURRIED, derandomize=False, database=None, max_examples=300)
    for number in range(100):
        seed(number)(hurried(given(examples())(look)))()
        if set(seen) >= EXPECTED:
            break
    assert set(seen) >= EXPECTED, EXPECTED - set(seen)
