"""Due times of cron expressions: cron's semantics on APScheduler's arithmetic.

Three things are cron's own and not APScheduler's: 0 and 7 are both Sunday; if both the day of the month and the day
of the week are restricted, either matches; and an hour that occurs twice, as the clock is put back, counts once
unless every hour is meant. A time that does not exist, as the clock is put forward, is due as if it did.
"""

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_INSTANT = timedelta(microseconds=1)


@lru_cache(maxsize=4096)
def next_cron_time(expression: str, timezone: str, after: datetime) -> datetime | None:
    """Return the first due time later than `after`, in UTC; None if there is none.

    `expression` has the five fields that `orchestrations.yaml` allows, `timezone` is an IANA name.
    """
    times = [one for trigger in _triggers(expression, timezone) if (one := _next_due(trigger, expression, after))]
    return min(times, default=None)


def _next_due(trigger: CronTrigger, expression: str, after: datetime) -> datetime | None:
    every_hour = expression.split()[1].startswith("*")
    while (local := _first_fire_time(trigger, after + _INSTANT)) is not None:
        due: datetime = local.astimezone(UTC)
        if every_hour or not local.fold:
            return due
        after = due
    return None


def _first_fire_time(trigger: CronTrigger, moment: datetime) -> datetime | None:
    """Return the first fire time from a moment on.

    APScheduler steps from one day to the next by 24 hours, and so past the midnight that ends a shorter day: ask it
    from that midnight as well.
    """
    next_day = moment.astimezone(trigger.timezone).date() + timedelta(days=1)
    midnight = datetime.combine(next_day, time(), trigger.timezone)
    times = (trigger.get_next_fire_time(None, one) for one in (moment, midnight))
    return min((one for one in times if one is not None), default=None)


@lru_cache(maxsize=256)
def _triggers(expression: str, timezone: str) -> tuple[CronTrigger, ...]:
    minute, hour, day, month, weekday = expression.lower().split()
    zone, weekdays = ZoneInfo(timezone), _weekday_names(weekday)
    days = [(day, weekdays)] if "*" in {day[0], weekday[0]} else [(day, "*"), ("*", weekdays)]
    return tuple(
        CronTrigger(minute=minute, hour=hour, day=one, month=month, day_of_week=weekday_field, timezone=zone)
        for one, weekday_field in days
    )


def _weekday_names(field: str) -> str:
    """Convert days of the week to names, since APScheduler counts them from Monday."""
    numbers = sorted({number for item in field.split(",") for number in _weekday_range(item)})
    return ",".join(dict.fromkeys(_DAYS[number] for number in numbers))


def _weekday_range(item: str) -> range:
    days, _, step = item.partition("/")
    first, _, last = days.partition("-")
    if days == "*":
        return range(0, 7, int(step or 1))
    start = _weekday_number(first)
    end = _weekday_number(last) if last else 6 if step else start
    return range(start, end + 1, int(step or 1))


def _weekday_number(text: str) -> int:
    return int(text) if text.isdigit() else _DAYS.index(text)
