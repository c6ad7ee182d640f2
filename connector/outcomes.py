"""What can become of a row: the words that users, files and JSON rely on.

`read = delivered + rejected + skipped + pending`, always, in rows. Every row that was not
delivered has one of the reasons or skips below; the order of `Reason` is the order in which
reasons are tried, so a row has the first that applies.
"""

from enum import StrEnum
from typing import Literal


class RunStatus(StrEnum):
    """The life of a run; `failed` and `interrupted` can be resumed and are then `running` again."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    COMPLETED_WITH_REJECTS = "completed_with_rejects"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def label(self) -> str:
        """The status in words, as people see it."""
        return _LABELS[self]


_LABELS = {
    RunStatus.WAITING: "Waiting to start…",
    RunStatus.RUNNING: "Running",
    RunStatus.COMPLETED: "Completed",
    RunStatus.COMPLETED_WITH_REJECTS: "Completed with rejects",
    RunStatus.FAILED: "Failed",
    RunStatus.INTERRUPTED: "Interrupted",
}


class Reason(StrEnum):
    """Why a row was rejected."""

    INVALID_EVENT_SOURCE_ID = "invalid_event_source_id"
    MISSING_EVENT = "missing_event"
    UNKNOWN_EVENT = "unknown_event"
    MISSING_TIMESTAMP = "missing_timestamp"
    INVALID_TIMESTAMP = "invalid_timestamp"
    EVENT_TOO_OLD = "event_too_old"
    EVENT_IN_FUTURE = "event_in_future"
    INVALID_CURRENCY = "invalid_currency"
    CONFLICTING_CURRENCY = "conflicting_currency"
    INVALID_AMOUNT = "invalid_amount"
    INVALID_EVENT_CHANNEL = "invalid_event_channel"
    INVALID_ID = "invalid_id"
    MISSING_PAGE_URL = "missing_page_url"
    MISSING_IDENTITY = "missing_identity"
    INVALID_IDENTITY = "invalid_identity"
    IDENTICAL_ROWS = "identical_rows"
    INCOMPLETE_EVENT = "incomplete_event"
    REFUSED_BY_TIKTOK = "refused_by_tiktok"


class Skip(StrEnum):
    """Why a good row was left out."""

    ALREADY_DELIVERED = "already_delivered"
    ALREADY_MEMBER = "already_member"
    DUPLICATE = "duplicate"
    ANSWER_LOST = "answer_lost"
    SUPPRESSED = "suppressed"


class RowWarning(StrEnum):
    """What was odd about a row that is nevertheless sent, or would have been."""

    INVALID_EMAIL = "invalid_email"
    INVALID_PHONE = "invalid_phone"
    INVALID_IP = "invalid_ip"
    LEGACY_EVENT_NAME = "legacy_event_name"
    CURRENCY_NOT_LISTED = "currency_not_listed"
    CONFLICTING_ROWS = "conflicting_rows"
    MISSING_IP_FOR_LDU = "missing_ip_for_ldu"
    INVALID_DEVICE_ID = "invalid_device_id"
    IDENTICAL_ROWS = "identical_rows"
    INCOMPLETE_AMOUNT = "incomplete_amount"
    PLACEHOLDER_VALUE = "placeholder_value"
    UNKNOWN_COUNTRY = "unknown_country"
    INVALID_EXTERNAL_ID = "invalid_external_id"


IdenticalRows = Literal["keep", "drop", "reject"]
"""What to do with rows of an event that are alike in every mapped column: send all, send one, or reject the event."""

NegativeLines = Literal["subtract", "reject"]
"""What to do with a negative line of an event: reduce its value by it, or reject the event."""

REASONS = tuple(Reason)
WARNINGS = tuple(RowWarning)
