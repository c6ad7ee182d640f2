"""Convert the times of events from any form to Unix seconds.

Usual texts meet a usual pattern. What is written otherwise (an offset after a blank, the hour 24, a compact form)
is first put into a usual form, which costs more and is asked of few.
"""

import pyarrow as pa

from connector.transform.sql.text import is_text, quote

MILLISECONDS_FROM = 10**11
"""A number from here on is milliseconds: as seconds it would be the year 5138."""

_LARGEST = 10**15
_DAY_NUMBERS = f"{10_000_101} AND {99_991_231}"
"""Numbers of eight digits, of which some are calendar dates."""
_DAY_TEXT = r"[1-9]\d{7}(\.0*)?"

_YEAR_1, _YEAR_9999 = -62_135_596_800, 253_402_300_799
_EARLIEST, _LATEST = "TIMESTAMP '0002-01-01 (BC)'", "TIMESTAMP '10001-01-01'"

_DATE = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_HOUR, _SIXTY = r"([01]\d|2[0-3])", r"[0-5]\d"
_CLOCK = rf"{_HOUR}:{_SIXTY}(:{_SIXTY}([.,]\d+)?)?"
_OFFSET = rf"[+-]{_HOUR}(:?{_SIXTY})?"
_LOCAL = rf"{_DATE}([Tt ]{_CLOCK})?"
_ZONED = rf"{_DATE}[Tt ]{_CLOCK}([zZ]|{_OFFSET})"
_NUMBER = r"[+-]?\d+(\.\d*)?"

_MIDNIGHT = r"24:00(:00([.,]0+)?)?"
_COMPACT = rf"\d{{8}}T({_HOUR}{_SIXTY}{_SIXTY}([.,]\d+)?|240000([.,]0+)?)"
_UNUSUAL_LOCAL = rf"(?:{_DATE}[T ]({_CLOCK}|{_MIDNIGHT})|{_COMPACT})"
_UNUSUAL_ZONED = rf"{_UNUSUAL_LOCAL} *(Z|UTC|GMT|{_OFFSET})"
_REPLACED = (
    (r"^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)", r"\1-\2-\3T\4:\5:\6"),
    (r"[.,]\d+", ""),
    (r" *(Z|UTC|GMT)$", "Z"),
    (r" +([+-])", r"\1"),
)
"""What puts an unusual text, in capitals, into a usual form. A fraction goes: times are floored."""


def unix_seconds(column: str, kind: pa.DataType, zone: str) -> str:
    """Convert `column` (stripped, if it is text) to whole Unix seconds, floored; NULL if it is no time.

    `zone` is the IANA name that times without an offset are in.
    """
    seconds = _unix_seconds(column, kind, zone)
    return f"CASE WHEN {seconds} BETWEEN {_YEAR_1} AND {_YEAR_9999} THEN {seconds} END"


def local_day(seconds: str, zone: str) -> str:
    """Return the day, as YYYY-MM-DD, on which so many Unix seconds lie in the zone."""
    moment = f"make_timestamp({seconds} * 1000000)"
    local = moment if zone == "UTC" else f"timezone({quote(zone)}, timezone('UTC', {moment}))"
    return f"strftime({local}, '%Y-%m-%d')"


def is_day(column: str, kind: pa.DataType) -> str:
    """Return the condition that the time in `column` is a whole day: a date, its text, or its eight digits."""
    if pa.types.is_timestamp(kind):
        return "false"
    if pa.types.is_date(kind):
        return "true"
    if is_text(kind):
        has_digits = f"regexp_full_match({column}, '{_DAY_TEXT}')"
        of_digits = f"CASE WHEN {has_digits} THEN {_day(column)} IS NOT NULL ELSE false END"
        return f"CASE WHEN strlen({column}) = 10 AND {column}[5] = '-' THEN true ELSE {of_digits} END"
    has_digits = f"{_whole_number(column, kind)} BETWEEN {_DAY_NUMBERS}"
    return f"CASE WHEN {has_digits} THEN {_day_of_number(column, kind)} IS NOT NULL ELSE false END"


def _unix_seconds(column: str, kind: pa.DataType, zone: str) -> str:
    if pa.types.is_timestamp(kind):
        moment = _microseconds(column) if kind.unit == "ns" else column
        return _floored(moment) if kind.tz else _of_local(moment, zone)
    if pa.types.is_date(kind):
        return _of_local(f"try_cast({column} AS TIMESTAMP)", zone)
    if is_text(kind):
        return _of_text(column, zone)
    return _of_number(column, kind, zone)


def _of_text(column: str, zone: str) -> str:
    dotted = f"replace({column}, ',', '.')"
    usual = _usual(column)
    return (
        f"CASE WHEN regexp_full_match({column}, '{_ZONED}')"
        f" THEN {_floored(f'try_cast(upper({dotted}) AS TIMESTAMPTZ)')}"
        f" WHEN regexp_full_match({column}, '{_LOCAL}')"
        f" THEN {_of_local(f'try_cast(upper({dotted}) AS TIMESTAMP)', zone)}"
        f" WHEN regexp_full_match({column}, '{_DAY_TEXT}')"
        f" THEN {_of_digits(_day(column), f'try_cast(left({column}, 8) AS BIGINT)', zone)}"
        f" WHEN regexp_full_match({column}, '{_NUMBER}') THEN {_in_seconds(_whole(column))}"
        f" WHEN regexp_full_match(upper({column}), '{_UNUSUAL_ZONED}')"
        f" THEN {_floored(f'try_cast({usual} AS TIMESTAMPTZ)')}"
        f" WHEN regexp_full_match(upper({column}), '{_UNUSUAL_LOCAL}')"
        f" THEN {_of_local(f'try_cast({usual} AS TIMESTAMP)', zone)} END"
    )


def _usual(column: str) -> str:
    text = f"upper({column})"
    for pattern, replacement in _REPLACED:
        text = f"regexp_replace({text}, '{pattern}', '{replacement}')"
    return text


def _whole(column: str) -> str:
    """Return the number of a text, floored: a DECIMAL would be rounded."""
    whole = f"try_cast(split_part({column}, '.', 1) AS BIGINT)"
    has_fraction = rf"{column} < '.' AND regexp_matches({column}, '^-\d+\.0*[1-9]')"
    return f"({whole} - CASE WHEN {has_fraction} THEN 1 ELSE 0 END)"


def _day(column: str) -> str:
    return f"try_strptime(left({column}, 8), '%Y%m%d')"


def _whole_number(column: str, kind: pa.DataType) -> str:
    """Return the floor of a column of numbers as BIGINT; NULL for infinite and too large ones."""
    if pa.types.is_signed_integer(kind):
        return column
    return f"try_cast({column if pa.types.is_integer(kind) else f'floor({column})'} AS BIGINT)"


def _day_of_number(column: str, kind: pa.DataType) -> str:
    day = f"try_strptime({_whole_number(column, kind)}::VARCHAR, '%Y%m%d')"
    return day if pa.types.is_integer(kind) else f"CASE WHEN {column} % 1 = 0 THEN {day} END"


def _of_number(column: str, kind: pa.DataType, zone: str) -> str:
    """Read a number as Unix seconds or milliseconds, or as the date of its eight digits."""
    whole, day = _whole_number(column, kind), _day_of_number(column, kind)
    return f"CASE WHEN {whole} BETWEEN {_DAY_NUMBERS} THEN {_of_digits(day, whole, zone)} ELSE {_in_seconds(whole)} END"


def _of_digits(day: str, number: str, zone: str) -> str:
    """Read eight digits as a date, or else as a number of seconds."""
    return f"CASE WHEN {day} IS NOT NULL THEN {_of_local(day, zone)} ELSE {number} END"


def _in_seconds(number: str) -> str:
    """Read a whole number as seconds. Milliseconds are floored by `//`, since they are positive."""
    scaled = f"CASE WHEN {number} >= {MILLISECONDS_FROM} THEN {number} // 1000 ELSE {number} END"
    return f"CASE WHEN {number} BETWEEN {1 - _LARGEST} AND {_LARGEST - 1} THEN {scaled} END"


def _of_local(moment: str, zone: str) -> str:
    if zone == "UTC":
        return _floored(moment)
    # ICU raises an error for what is far away: that becomes a moment outside of the range, and no time.
    near = f"least(greatest({moment}, {_EARLIEST}), {_LATEST})"
    later = f"timezone({quote(zone)}, {near})"
    earlier = f"({later} - INTERVAL 1 HOUR)"
    # ICU takes the second of the two moments that a clock set back shows; the first is meant here.
    shows_twice = f"timezone({quote(zone)}, {earlier}) = {near}"
    return _floored(f"CASE WHEN {shows_twice} THEN {earlier} ELSE {later} END")


def _microseconds(column: str) -> str:
    """Convert nanoseconds to microseconds; DuckDB would round those before 1970 up."""
    nanoseconds = f"epoch_ns({column})"
    return f"make_timestamp({nanoseconds} // 1000 - CASE WHEN {nanoseconds} % 1000 < 0 THEN 1 ELSE 0 END)"


def _floored(moment: str) -> str:
    microseconds = f"epoch_us({moment})"
    return f"({microseconds} // 1000000 - CASE WHEN {microseconds} % 1000000 < 0 THEN 1 ELSE 0 END)"
