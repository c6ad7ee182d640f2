"""The present time in a query, replaced by one moment, so that several readings mean the same by it."""

import re
from collections.abc import Mapping

from connector.core.dialects import dialect_named
from connector.sources.statement import masked

MOMENT, DAY, LOCAL = "moment", "day", "local"
Times = Mapping[str, str]
"""The present as ISO texts: a moment with its offset from UTC, and the day and the local time of the session."""

_NAMES: Mapping[str, str] = {
    "now": MOMENT,
    "transaction_timestamp": MOMENT,
    "get_current_timestamp": MOMENT,
    "current_timestamp": MOMENT,
    "today": DAY,
    "current_date": DAY,
    "localtimestamp": LOCAL,
}
_WITHOUT_BRACKETS = ("current_timestamp", "current_date", "localtimestamp")
_CALL = re.compile(
    rf'(?<![\w$."])(?:(?P<call>{"|".join(_NAMES)})\s*\(\s*\)|(?P<word>{"|".join(_WITHOUT_BRACKETS)})(?![\w$"]|\s*[(.]))',
    re.IGNORECASE,
)
_TYPES = {MOMENT: "TIMESTAMPTZ", DAY: "DATE", LOCAL: "TIMESTAMP"}


def with_times(sql: str, dialect: str, times: Times | None) -> str:
    """Return a query with the present replaced, outside of quotation marks and comments; as it is without times."""
    if times is None:
        return sql
    parts, end = [], 0
    for match in _CALL.finditer(masked(sql, dialect_named(dialect))):
        kind = _NAMES[(match["call"] or match["word"]).lower()]
        parts += [sql[end : match.start()], f"({_TYPES[kind]} '{times[kind]}')"]
        end = match.end()
    return "".join([*parts, sql[end:]])
