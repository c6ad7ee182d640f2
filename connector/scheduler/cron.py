"""When a cron expression is due: as cron has it, with the arithmetic of APScheduler.

Three things are cron's own and not APScheduler's: 0 and 7 are both Sunday; where both the day of the month and the day
of the week are restricted, either will do; and an hour that there is twice, as the clock is put back, counts once
unless every hour is meant. A time that there is not, as the clock is put forward, is due as if it had not been.
"""

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOMENT = timedelta(microseconds=1)


@lru_cache(maxsize=4096)
def next_by_cron(expression: str, timezone: str, after: datetime) -> datetime | None:
    """The first due time later than `after`, in UTC; None where there is none.

    `expression` has the five fields that `orchestrations.yaml` allows, `timezone` is an IANA name.
    """
    found = [one for trigger in _triggers(expression, timezone) if (one := _next(trigger, expression, after))]
    return min(found, default=None)


def _next(trigger: CronTrigger, expression: str, after: datetime) -> datetime | None:
    every_hour = expression.split()[1].startswith("*")
    while (local := _first(trigger, after + _MOMENT)) is not None:
        due: datetime = local.astimezone(UTC)
        if every_hour or not local.fold:
            return due
        after = due
    return None


def _first(trigger: CronTrigger, moment: datetime) -> datetime | None:
    """The first fire time from a moment on.

    APScheduler goes on from one day to the next by 24 hours, and so past the midnight that ends a shorter day: it is
    asked from there as well.
    """
    next_day = moment.astimezone(trigger.timezone).date() + timedelta(days=1)
    midnight = datetime.combine(next_day, time(), trigger.timezone)
    found = (trigger.get_next_fire_time(None, one) for one in (moment, midnight))
    return min((one for one in found if one is not None), default=None)


@lru_cache(maxsize=256)
def _triggers(expression: str, timezone: str) -> tuple[CronTrigger, ...]:
    minute, hour, day, month, weekday = expression.lower().split()
    zone, named = ZoneInfo(timezone), _named_days(weekday)
    days = [(day, named)] if "*" in {day[0], weekday[0]} else [(day, "*"), ("*", named)]
    return tuple(
        CronTrigger(minute=minute, hour=hour, day=one, month=month, day_of_week=of_week, timezone=zone)
        for one, of_week in days
    )


def _named_days(field: str) -> str:
    """The days of the week by name, since APScheduler counts them from Monday."""
    numbers = sorted({number for item in field.split(",") for number in _numbers(item)})
    return ",".join(dict.fromkeys(_DAYS[number] for number in numbers))


def _numbers(item: str) -> range:
    span, _, step = item.partition("/")
    first, _, last = span.partition("-")
    if span == "*":
        return range(0, 7, int(step or 1))
    least = _number(first)
    most = _number(last) if last else 6 if step else least
    return range(least, most + 1, int(step or 1))


def _number(written: str) -> int:
    return int(written) if written.isdigit() else _DAYS.index(written)
