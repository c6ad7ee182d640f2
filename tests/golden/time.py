"""Timestamps of every type and form, and how old or new an event may be."""

# ruff: noqa: DTZ001 - columns without a zone are what is under test

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa

from tests.golden.case import DROP, NOW, TEXT, Case, offline, refused, settings

NOON = 1_699_617_600
"""2023-11-10T12:00:00Z."""

OLDEST = 1_697_580_800
"""28 days before the run starts: 2023-10-17T22:13:20Z."""

TEXTS = {
    "2023-11-10T12:00:00Z": NOON,
    "2023-11-10t12:00:00Z": NOON,
    "2023-11-10 12:00:00": NOON,
    "2023-11-10T12:00": NOON,
    "2023-11-10T12:00Z": NOON,
    "2023-11-10T12:00:00z": NOON,
    "2023-11-10T12:00:00.999Z": NOON,
    "2023-11-10T12:00:00,999999999Z": NOON,
    "2023-11-10T12:00:00.9999999999Z": NOON,
    "2023-11-10 12:00:00.99999999999999999999": NOON,
    "2023-11-10T12:00:30.5": 1_699_617_630,
    "2023-11-10T12:00:00+02:00": 1_699_610_400,
    "2023-11-10T12:00:00+0200": 1_699_610_400,
    "2023-11-10 12:00:00+02": 1_699_610_400,
    "2023-11-10T12:00:00-05:30": 1_699_637_400,
    "2023-11-10T12:00:00-0530": 1_699_637_400,
    "2023-11-10T12:00:00-00:00": NOON,
    "2023-11-10": 1_699_574_400,
    " 2023-11-10T12:00:00Z\n": NOON,
    "20231110T120000": NOON,
    "20231110T120000Z": NOON,
    "20231110T120000+0200": 1_699_610_400,
    "1699617600": NOON,
    "+1699617600": NOON,
    "1699617600.": NOON,
    "1699617600.999": NOON,
    "1699617600.99999999999999999999": NOON,
    "1699617600999.99999999999999999999": NOON,
    "1699617600999999": None,
    "2023-11-10T23:59:60Z": None,
    "1699617600000": NOON,
    "1699617600999.9": NOON,
    "1e9": None,
    "1,699,617,600": None,
    "2023-02-29": None,
    "2023-13-01": None,
    "2023-11-31T12:00:00Z": None,
    "2023-11-10T24:00:00Z": 1_699_660_800,
    "2023-11-10t24:00": 1_699_660_800,
    "2023-11-10 24:00:00.000 +02": 1_699_653_600,
    "2023-11-10T24:00:01Z": None,
    "2023-11-10T24:01": None,
    "2023-11-10T24:00:00.001": None,
    "2023-11-10T25:00:00": None,
    "2023-11-10T12:60:00Z": None,
    "2023-11-10T12:00:60Z": None,
    "2023-11-10T12": None,
    "2023-11-10T12:00:00 Z": NOON,
    "2023-11-10  12:00:00": None,
    "2023-11-10T12:00:00 UTC": NOON,
    "2023-11-10T12:00:00utc": NOON,
    "2023-11-10 12:00 GMT": NOON,
    "2023-11-10 12:00:00 +0000": NOON,
    "2023-11-10 12:00:00.123  -05:30": 1_699_637_400,
    "2023-11-10 12:00:00 CET": None,
    "2023-11-10 12:00:00 Europe/Berlin": None,
    "2023-11-10T12:00:00+05:30:15": None,
    "2023-11-10T12:00:00+24:00": None,
    "2023-11-10T12:00:00+02:60": None,
    "2023-11-10 +0000": None,
    "2023-11-10Z": None,
    "20231110": 1_699_574_400,
    "20231110.0": 1_699_574_400,
    "20231110T120000,999": NOON,
    "20231110t120000 +0200": 1_699_610_400,
    "20231110T240000Z": 1_699_660_800,
    "20231110T1200": None,
    "2023-11-10T": None,
    "2023-1-5": None,
    "0000-01-01": None,
    "11/10/2023": None,
    "20231110 120000": None,
    "２０２３-11-10": None,
    "yesterday": None,
    "nan": None,
    "1000000000000000": None,
}


def at(seconds: int) -> dict[str, object]:
    return {"event_time": seconds}


def local(text: str, seconds: int, zone: str, started_at: int = NOW) -> Case:
    return offline(
        f"{text} in {zone}",
        {"timestamp": text},
        at(seconds),
        settings=settings(timezone=zone, started_at=started_at),
    )


CASES: list[Case] = [
    *(
        refused(f"the timestamp {text!r} is invalid", {"timestamp": text}, "invalid_timestamp")
        if seconds is None
        else offline(f"the timestamp {text!r}", {"timestamp": text}, at(seconds))
        for text, seconds in TEXTS.items()
    ),
    refused("a blank timestamp is missing", {"timestamp": " \t"}, "missing_timestamp"),
    refused("a null timestamp is missing", {"timestamp": (pa.timestamp("us"), [None])}, "missing_timestamp"),
    refused("no timestamp column is missing", {"timestamp": DROP}, "missing_timestamp"),
    offline("seconds as a whole number", {"timestamp": NOON}, at(NOON)),
    offline("seconds as a 32-bit number", {"timestamp": (pa.int32(), [NOON])}, at(NOON)),
    offline("seconds as a float are floored", {"timestamp": NOON + 0.999}, at(NOON)),
    offline(
        "seconds as a decimal are floored",
        {"timestamp": (pa.decimal128(20, 6), [Decimal("1699617600.999999")])},
        at(NOON),
    ),
    offline("milliseconds as a whole number are floored", {"timestamp": 1_699_617_600_999}, at(NOON)),
    offline("milliseconds as a float", {"timestamp": 1_699_617_600_999.5}, at(NOON)),
    refused("10^11 - 1 is seconds", {"timestamp": 99_999_999_999}, "event_in_future"),
    refused("10^11 is milliseconds", {"timestamp": 100_000_000_000}, "event_too_old"),
    refused("10^15 is no time", {"timestamp": 10**15}, "invalid_timestamp"),
    refused("-10^15 is no time", {"timestamp": -(10**15)}, "invalid_timestamp"),
    refused("a year above 9999 is no time", {"timestamp": 253_402_300_800_000}, "invalid_timestamp"),
    refused("the last second of the year 9999 is a time", {"timestamp": 253_402_300_799_999}, "event_in_future"),
    refused("a year below 1 is no time", {"timestamp": -62_135_596_801}, "invalid_timestamp"),
    refused("the first second of the year 1 is a time", {"timestamp": -62_135_596_800}, "event_too_old"),
    refused("not a number", {"timestamp": float("nan")}, "invalid_timestamp"),
    refused("an infinite time", {"timestamp": float("inf")}, "invalid_timestamp"),
    refused("seven digits are seconds", {"timestamp": "2023111"}, "event_too_old"),
    refused("eight digits that are no day are seconds", {"timestamp": "20231332"}, "event_too_old"),
    refused("the same of a number", {"timestamp": 20_230_229}, "event_too_old"),
    refused("a fraction after eight digits", {"timestamp": "20231110.5"}, "event_too_old"),
    refused("the same of a float", {"timestamp": 20_231_110.5}, "event_too_old"),
    offline("eight digits as a whole number", {"timestamp": 20_231_110}, at(1_699_574_400)),
    offline("eight digits as a 32-bit number", {"timestamp": (pa.int32(), [20_231_110])}, at(1_699_574_400)),
    offline("eight digits as a float", {"timestamp": 20_231_110.0}, at(1_699_574_400)),
    offline(
        "eight digits as a decimal",
        {"timestamp": (pa.decimal128(38, 9), [Decimal("20231110")])},
        at(1_699_574_400),
    ),
    offline(
        "seconds as a decimal with more digits than a float has are floored",
        {"timestamp": (pa.decimal128(38, 20), [Decimal("1699617600999.99999999999999999999")])},
        at(NOON),
    ),
    local("20231110", 1_699_592_400, "America/New_York"),
    local("2023-11-10T24:00", 1_699_678_800, "America/New_York"),
    offline("a day at the limit is as young as any of its hours", {"timestamp": "2023-10-17"}, at(1_697_500_800)),
    offline("a day at the limit, in digits", {"timestamp": "20231017"}, at(1_697_500_800)),
    offline("a day at the limit, as a number", {"timestamp": 20_231_017}, at(1_697_500_800)),
    offline("a day at the limit, as a date", {"timestamp": (pa.date32(), [date(2023, 10, 17)])}, at(1_697_500_800)),
    refused("the day before the limit", {"timestamp": "2023-10-16"}, "event_too_old"),
    refused("midnight at the limit, as a time", {"timestamp": "2023-10-17T00:00:00"}, "event_too_old"),
    refused(
        "midnight at the limit, as a timestamp",
        {"timestamp": (pa.timestamp("us"), [datetime(2023, 10, 17)])},
        "event_too_old",
    ),
    offline(
        "the day is that of the destination's zone",
        {"timestamp": "2023-10-18"},
        at(1_697_554_800),
        settings=settings(timezone="Asia/Tokyo"),
    ),
    refused(
        "the day before is not",
        {"timestamp": "2023-10-17"},
        "event_too_old",
        settings=settings(timezone="Asia/Tokyo"),
    ),
    refused("zero is 1970", {"timestamp": 0}, "event_too_old"),
    refused("a negative time is before 1970", {"timestamp": -1}, "event_too_old"),
    offline(
        "a timestamp without a zone is in the destination's",
        {"timestamp": (pa.timestamp("us"), [datetime(2023, 11, 10, 12)])},
        at(1_699_635_600),
        settings=settings(timezone="America/New_York"),
    ),
    offline(
        "a timestamp's fraction is floored",
        {"timestamp": (pa.timestamp("us"), [datetime(2023, 11, 10, 12, 0, 0, 999_999)])},
        at(NOON),
    ),
    offline(
        "a timestamp in whole seconds",
        {"timestamp": (pa.timestamp("s"), [datetime(2023, 11, 10, 12)])},
        at(NOON),
    ),
    offline(
        "a timestamp with a zone keeps it",
        {"timestamp": (pa.timestamp("us", tz="Europe/Berlin"), [datetime(2023, 11, 10, 12, tzinfo=UTC)])},
        at(NOON),
        settings=settings(timezone="America/New_York"),
    ),
    offline(
        "a date is midnight in the destination's zone",
        {"timestamp": (pa.date32(), [date(2023, 11, 10)])},
        at(1_699_592_400),
        settings=settings(timezone="America/New_York"),
    ),
    offline("a date is midnight", {"timestamp": (pa.date32(), [date(2023, 11, 10)])}, at(1_699_574_400)),
    local("2023-11-10", 1_699_570_800, "Europe/Berlin"),
    local("2023-11-10 12:00:00", 1_699_635_600, "America/New_York"),
    local("20231110T120000", 1_699_635_600, "America/New_York"),
    local("2023-11-10T12:00:00Z", NOON, "America/New_York"),
    local("2023-11-05 01:30:00", 1_699_162_200, "America/New_York"),
    local("2023-10-29T02:30", 1_698_539_400, "Europe/Berlin"),
    local("2023-03-12 02:30:00", 1_678_606_200, "America/New_York", started_at=1_678_608_000),
    offline(
        "an overlap of a timestamp column is the first of the two",
        {"timestamp": (pa.timestamp("us"), [datetime(2023, 11, 5, 1, 30)])},
        at(1_699_162_200),
        settings=settings(timezone="America/New_York"),
    ),
    offline(
        "a gap of a timestamp column",
        {"timestamp": (pa.timestamp("us"), [datetime(2023, 3, 12, 2, 30)])},
        at(1_678_606_200),
        settings=settings(timezone="America/New_York", started_at=1_678_608_000),
    ),
    offline("exactly 28 days old", {"timestamp": OLDEST}, at(OLDEST)),
    refused("a second older", {"timestamp": OLDEST - 1}, "event_too_old"),
    offline("ten minutes ahead", {"timestamp": NOW + 600}, at(NOW + 600)),
    refused("a second further", {"timestamp": NOW + 601}, "event_in_future"),
    offline("ten minutes ahead after flooring", {"timestamp": NOW + 600.9}, at(NOW + 600)),
    refused("max_age_days is settable", {"timestamp": NOON}, "event_too_old", settings=settings(max_age_days=4)),
    offline(
        "max_age_days may be more",
        {"timestamp": OLDEST - 1},
        at(OLDEST - 1),
        settings=settings(max_age_days=29),
    ),
    Case("no rows", {"event": (TEXT, []), "timestamp": (TEXT, []), "email": (TEXT, [])}),
]
