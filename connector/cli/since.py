"""How a moment in the past is typed."""

import re
from datetime import UTC, datetime, timedelta

from connector.errors import UsageError

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: datetime) -> datetime:
    """The moment that `7d`, `12h`, `2026-11-20` or `2026-11-20T06:00+01:00` names; without an offset, UTC.

    Raises UsageError for anything else.
    """
    if ago := re.fullmatch(r"(\d{1,4})([mhdw])", text.strip()):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f'Invalid time "{text}": write how long ago, such as 12h or 7d, or a date such as 2026-11-20.'
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
