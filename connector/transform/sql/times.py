"""Times of events: whatever form they come in, Unix seconds go out."""

import pyarrow as pa

from connector.transform.sql.text import is_text, quote

MILLISECONDS_FROM = 10**11
"""A number from here on is milliseconds: as seconds it would be the year 5138."""

_LARGEST = 10**15
_YEAR_1, _YEAR_9999 = -62_135_596_800, 253_402_300_799
_DATE = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d{1,9})?)?"
_ZONE = r"([zZ]|[+-]\d{2}(:?\d{2})?)"
_LOCAL = rf"{_DATE}([T ]{_CLOCK})?"
_ZONED = rf"{_DATE}[T ]{_CLOCK}{_ZONE}"
_BASIC = r"\d{8}T([01]\d|2[0-3])[0-5]\d[0-5]\d"
_NUMBER = r"[+-]?\d+(\.\d*)?"


def unix_seconds(column: str, kind: pa.DataType, zone: str) -> str:
    """`column` (stripped, where it is text) as whole Unix seconds, floored; NULL where it is no time.

    `zone` is the IANA name that times without an offset are in.
    """
    seconds = _unix_seconds(column, kind, zone)
    return f"CASE WHEN {seconds} BETWEEN {_YEAR_1} AND {_YEAR_9999} THEN {seconds} END"


def _unix_seconds(column: str, kind: pa.DataType, zone: str) -> str:
    if pa.types.is_timestamp(kind):
        return _floored(column) if kind.tz else _of_local(column, zone)
    if pa.types.is_date(kind):
        return _of_local(f"{column}::TIMESTAMP", zone)
    if is_text(kind):
        return _of_text(column, zone)
    if pa.types.is_floating(kind):
        return f"CASE WHEN isfinite({column}) THEN {_of_number(column)} END"
    return _of_number(column)


def _of_text(column: str, zone: str) -> str:
    dotted = f"replace({column}, ',', '.')"
    number = f"try_cast({column} AS DECIMAL(38, 9))"
    basic = _with_separators(column)
    return (
        f"CASE WHEN regexp_full_match({column}, '{_ZONED}')"
        f" THEN {_floored(f'try_cast(upper({dotted}) AS TIMESTAMPTZ)')}"
        f" WHEN regexp_full_match({column}, '{_LOCAL}')"
        f" THEN {_of_local(f'try_cast({dotted} AS TIMESTAMP)', zone)}"
        f" WHEN regexp_full_match({column}, '{_NUMBER}') THEN {_of_number(number)}"
        f" WHEN regexp_full_match({column}, '{_BASIC}{_ZONE}')"
        f" THEN {_floored(f'try_cast(upper({basic}) AS TIMESTAMPTZ)')}"
        f" WHEN regexp_full_match({column}, '{_BASIC}') THEN {_of_local(f'try_cast({basic} AS TIMESTAMP)', zone)} END"
    )


def _with_separators(column: str) -> str:
    return rf"regexp_replace({column}, '(....)(..)(..)T(..)(..)(..)(.*)', '\1-\2-\3T\4:\5:\6\7')"


def _of_number(number: str) -> str:
    scaled = f"CASE WHEN {number} >= {MILLISECONDS_FROM} THEN {number} / 1000 ELSE {number} END"
    return f"CASE WHEN abs({number}) < {_LARGEST} THEN floor({scaled})::BIGINT END"


def _of_local(moment: str, zone: str) -> str:
    if zone == "UTC":
        return _floored(moment)
    later = f"timezone({quote(zone)}, {moment})"
    earlier = f"({later} - INTERVAL 1 HOUR)"
    # ICU takes the second of the two moments that a clock set back shows; the first is meant here.
    shows_twice = f"timezone({quote(zone)}, {earlier}) = {moment}"
    return _floored(f"CASE WHEN {shows_twice} THEN {earlier} ELSE {later} END")


def _floored(moment: str) -> str:
    return f"(epoch_us({moment}) - (epoch_us({moment}) % 1000000 + 1000000) % 1000000) // 1000000"
