"""Times of every type and form, one column at a time, against the reference; and what no type of Python holds."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector.transform.readable import readable
from connector.transform.sql.times import is_day, unix_seconds
from tests import reference_values as values
from tests.hypothesis_settings import scaled
from tests.strategies import ZONES

YEARS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))  # noqa: DTZ001
NEAR = st.datetimes(datetime(1960, 1, 1), datetime(2040, 1, 1))  # noqa: DTZ001
MOMENTS = st.one_of(NEAR, NEAR, YEARS)
INFINITY = 2**63 - 1
QUIETLY = scaled(settings(deadline=None, derandomize=True), 60)


@cache
def engine() -> duckdb.DuckDBPyConnection:
    """Open one database for all tests of this process."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def read(column: pa.Array, zone: str) -> list[tuple[int | None, bool | None]]:
    """The seconds of each value, and whether it is a day."""
    connection = engine()
    connection.register("slice", pa.table({"c": readable(pa.chunked_array([column]))}))
    seconds, day = unix_seconds("c", column.type, zone), is_day("c", column.type)
    return connection.sql(f"SELECT {seconds}, {day} FROM slice").fetchall()


def expected(value: object, zone: str) -> int | None:
    try:
        return values.event_time(value, ZoneInfo(zone))
    except values.Invalid:
        return None


def agree(kind: pa.DataType, column: Sequence[object], zone: str) -> None:
    found = read(pa.array(column, kind), zone)
    assert [seconds for seconds, _ in found] == [expected(value, zone) for value in column]
    days = [is_a_day for seconds, is_a_day in found if seconds is not None]
    assert days == [values.is_day(value) for value in column if expected(value, zone) is not None]


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Texts that are times, or nearly."""
    moment = draw(MOMENTS)
    day = draw(
        st.sampled_from((f"{moment:%Y-%m-%d}", f"{moment:%Y%m%d}", f"{moment:%Y-%m}-31", f"0000{moment:-%m-%d}"))
    )
    day = day.rjust(10 if "-" in day else 8, "0")
    compact = "-" not in day
    clock = draw(
        st.sampled_from(
            (
                f"{moment:%H:%M:%S}",
                f"{moment:%H:%M}",
                f"{moment:%H%M%S}",
                "24:00:00",
                "24:00",
                "240000",
                "24:00:01",
                "23:59:60",
                "12:60",
            )
        )
    )
    fraction = draw(
        st.one_of(
            st.just(""),
            st.text("019", max_size=25).flatmap(lambda digits: st.sampled_from((f".{digits}", f",{digits}"))),
        )
    )
    zone = draw(st.sampled_from(("", "", "Z", "z", "UTC", "utc", "GMT", "+00", "-00:00", "+0530", "-05:30", "+14", "+99", "+05:60", "+05:30:15", "CET", "+5")))  # fmt: skip
    separator = draw(st.sampled_from(("T", "t", " ", "  ", "")))
    blanks = draw(st.sampled_from(("", "", " ", "  ", "\t")))
    written = day + separator + clock + (fraction if clock.count(":") != 1 or compact else "") + blanks + zone
    return draw(st.sampled_from((written, written, written, day))).strip()


@st.composite
def numbers(draw: st.DrawFn) -> Decimal:
    """Seconds, milliseconds and days."""
    whole: int = draw(
        st.one_of(
            st.integers(-(10**15) - 2, 10**15 + 2),
            st.integers(1_500_000_000, 1_900_000_000),
            st.integers(-10, 10),
            st.integers(10_000_000, 99_999_999),
            NEAR.map(lambda moment: int(f"{moment:%Y%m%d}")),
            NEAR.map(lambda moment: int(moment.replace(tzinfo=UTC).timestamp() * 1000)),
        )
    )
    return whole + Decimal(draw(st.sampled_from(("0", "0", "0.5", "0.999999999999999999"))))


@QUIETLY
@given(st.lists(texts(), min_size=1, max_size=30), st.sampled_from(ZONES))
@example(["2026-11-29T10:00:00 +0000", "2026-11-29 10:00:00 UTC", "2026-11-29T24:00:00", "20261129"], "Europe/Berlin")
def test_texts(column: list[str], zone: str) -> None:
    agree(pa.string(), column, zone)


@QUIETLY
@given(st.lists(numbers(), min_size=1, max_size=30), st.sampled_from(ZONES))
def test_numbers_of_every_type(column: list[Decimal], zone: str) -> None:
    """As texts, decimals, whole numbers and floats, each with the value that it has."""
    agree(pa.string(), [f"{number:f}" for number in column], zone)
    agree(pa.decimal128(38, 18), column, zone)
    agree(pa.int64(), [int(number) for number in column], zone)
    agree(pa.decimal128(38, 0), [Decimal(int(number)) for number in column], zone)
    agree(pa.float64(), [float(number) for number in column], zone)


@QUIETLY
@given(st.lists(MOMENTS, min_size=1, max_size=30), st.sampled_from(ZONES))
def test_timestamps_of_every_unit_are_floored(column: list[datetime], zone: str) -> None:
    aware = [moment.replace(tzinfo=UTC) for moment in column]
    agree(pa.timestamp("us"), column, zone)
    agree(pa.timestamp("us", "Asia/Tokyo"), aware, zone)
    for unit, digits in (("s", 0), ("ms", 3)):
        cut = [
            moment.replace(microsecond=moment.microsecond // 10 ** (6 - digits) * 10 ** (6 - digits))
            for moment in column
        ]
        agree(pa.timestamp(unit), cut, zone)
        agree(pa.timestamp(unit, "UTC"), [moment.replace(tzinfo=UTC) for moment in cut], zone)
    agree(pa.date32(), [moment.date() for moment in column], zone)


@QUIETLY
@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=30), st.sampled_from(ZONES))
@example([-1, -1_000_000_000, -1_000_000_001, 1_795_946_400_999_999_999], "America/New_York")
def test_nanoseconds_are_floored(column: list[int], zone: str) -> None:
    start = datetime(1970, 1, 1)  # noqa: DTZ001
    whole = [start + timedelta(seconds=number // 10**9) for number in column]
    local = pa.array(column, pa.int64()).view(pa.timestamp("ns"))
    assert [seconds for seconds, _ in read(local, zone)] == [expected(moment, zone) for moment in whole]
    zoned = pa.array(column, pa.int64()).view(pa.timestamp("ns", "Europe/Berlin"))
    assert [seconds for seconds, _ in read(zoned, zone)] == [number // 10**9 for number in column]


FAR = (INFINITY, -INFINITY, -INFINITY - 1, INFINITY - 1, 1 - INFINITY, 9 * 10**18, -9 * 10**18)


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize("there", [None, "UTC", "America/New_York"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_infinite_and_unrepresentable_timestamps_are_no_times(unit: str, there: str | None, zone: str) -> None:
    column = pa.array([*FAR, 0, None], pa.int64()).view(pa.timestamp(unit, there))
    found = [seconds for seconds, _ in read(column, zone)]
    assert found[: len(FAR)] == [None] * len(FAR)
    assert found[-2:] == [0 if there or zone == "UTC" else 18_000, None]


@pytest.mark.parametrize("there", [None, "UTC"])
def test_infinite_nanoseconds_are_no_times(there: str | None) -> None:
    column = pa.array([INFINITY, -INFINITY, 0], pa.int64()).view(pa.timestamp("ns", there))
    assert [seconds for seconds, _ in read(column, "UTC")] == [None, None, 0]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_infinite_and_unrepresentable_dates_are_no_times(zone: str) -> None:
    days = (2**31 - 1, -(2**31) + 1, -(2**31), 2_145_042_905, 106_751_992, 2_932_897, -719_163, 0)
    column = pa.array(days, pa.int32()).view(pa.date32())
    found = [seconds for seconds, _ in read(column, zone)]
    assert found[:-1] == [None] * (len(days) - 1)
    assert found[-1] is not None
