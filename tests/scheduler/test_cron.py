"""When a cron expression is due; the times are worked out by hand from the zones' rules.

New York puts its clock forward on 8 March 2026 at 02:00 EST (07:00 UTC) and back on 1 November at 02:00 EDT (06:00
UTC); Berlin on 29 March at 02:00 CET (01:00 UTC) and on 25 October at 03:00 CEST (01:00 UTC).
"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.scheduler.cron import next_cron_time

NEW_YORK, BERLIN = "America/New_York", "Europe/Berlin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def due(expression: str, zone: str, after: str, times: int) -> list[str]:
    found, at = [], utc(after)
    for _ in range(times):
        following = next_cron_time(expression, zone, at)
        assert following is not None
        at = following
        found.append(f"{at:%m-%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        ("15 6 * * *", NEW_YORK, "2026-03-07T00:00", ["03-07 11:15", "03-08 10:15", "03-09 10:15"]),
        ("15 6 * * *", BERLIN, "2026-03-28T00:00", ["03-28 05:15", "03-29 04:15", "03-30 04:15"]),
        ("15 6 * * *", NEW_YORK, "2026-10-31T00:00", ["10-31 10:15", "11-01 11:15", "11-02 11:15"]),
    ],
)
def test_a_time_of_day_stays_that_time_when_the_clock_is_changed(
    expression: str, zone: str, after: str, expected: list[str]
) -> None:
    assert due(expression, zone, after, 3) == expected


@pytest.mark.parametrize(
    ("zone", "after", "expected"),
    [
        (NEW_YORK, "2026-03-07T12:00", ["03-08 07:30", "03-09 06:30"]),
        (BERLIN, "2026-03-28T12:00", ["03-29 01:30", "03-30 00:30"]),
    ],
)
def test_a_time_that_there_is_not_is_due_once_that_day_as_if_the_clock_had_not_changed(
    zone: str, after: str, expected: list[str]
) -> None:
    """Half past two is skipped by both: it is due at what would have been half past two."""
    assert due("30 2 * * *", zone, after, 2) == expected


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        ("30 1 * * *", NEW_YORK, "2026-10-31T12:00", ["11-01 05:30", "11-02 06:30"]),
        ("30 2 * * *", BERLIN, "2026-10-24T12:00", ["10-25 00:30", "10-26 01:30"]),
        ("0,30 1-2 * * *", NEW_YORK, "2026-11-01T04:30", ["11-01 05:00", "11-01 05:30", "11-01 07:00"]),
    ],
)
def test_a_time_that_there_is_twice_is_due_once(expression: str, zone: str, after: str, expected: list[str]) -> None:
    assert due(expression, zone, after, len(expected)) == expected


@pytest.mark.parametrize(
    ("expression", "zone", "after", "apart"),
    [
        ("*/30 * * * *", NEW_YORK, "2026-03-08T05:00", 30),
        ("*/30 * * * *", NEW_YORK, "2026-11-01T03:00", 30),
        ("0 * * * *", BERLIN, "2026-03-28T22:00", 60),
        ("0 * * * *", BERLIN, "2026-10-24T22:00", 60),
    ],
)
def test_what_is_due_every_hour_or_half_hour_goes_on_as_if_the_clock_did_not_change(
    expression: str, zone: str, after: str, apart: int
) -> None:
    start = utc(after)
    expected = [f"{start + timedelta(minutes=apart * step):%m-%d %H:%M}" for step in range(1, 9)]
    assert due(expression, zone, after, 8) == expected


@pytest.mark.parametrize("weekday", ["0", "7", "sun", "SUN"])
def test_0_and_7_are_both_sunday(weekday: str) -> None:
    """26 July 2026 is a Sunday."""
    assert due(f"0 0 * * {weekday}", "UTC", "2026-07-22T00:00", 2) == ["07-26 00:00", "08-02 00:00"]


@pytest.mark.parametrize(
    ("weekday", "days"),
    [
        ("1-5", ["23", "24", "27", "28"]),
        ("5-7", ["24", "25", "26", "31"]),
        ("*/2", ["23", "25", "26", "28"]),
        ("mon,3", ["27", "29"]),
    ],
)
def test_days_of_the_week_are_counted_as_cron_does(weekday: str, days: list[str]) -> None:
    """22 July 2026 is a Wednesday; */2 are Sunday, Tuesday, Thursday and Saturday."""
    assert [text[3:5] for text in due(f"0 0 * * {weekday}", "UTC", "2026-07-22T12:00", len(days))] == days


def test_where_both_kinds_of_day_are_restricted_either_will_do() -> None:
    """The first of a month, and Fridays: 3 and 10 July 2026 are Fridays."""
    assert due("0 0 1 * fri", "UTC", "2026-06-30T12:00", 3) == ["07-01 00:00", "07-03 00:00", "07-10 00:00"]


def test_a_day_that_there_never_is_is_never_due() -> None:
    assert next_cron_time("0 0 30 2 *", "UTC", utc("2026-07-22T00:00")) is None


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    zone=st.sampled_from([NEW_YORK, BERLIN, "UTC", "Australia/Lord_Howe"]),
    after=st.integers(0, 1_500_000).map(lambda minutes: utc("2025-01-01T00:00") + timedelta(minutes=minutes)),
)
@example(minute=0, hour=0, zone=NEW_YORK, after=utc("2025-03-09T00:00"))
def test_a_time_of_day_is_due_once_a_day(minute: int, hour: int, zone: str, after: datetime) -> None:
    """Always later than asked for, and 22 to 26 hours after the last, whatever the clock does."""
    first = next_cron_time(f"{minute} {hour} * * *", zone, after)
    assert first is not None
    second = next_cron_time(f"{minute} {hour} * * *", zone, first)
    assert second is not None
    assert first > after
    assert timedelta(hours=22) <= second - first <= timedelta(hours=26)
