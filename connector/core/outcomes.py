"""The outcomes of runs and rows, by the words that users, files and JSON rely on.

In rows, `read = delivered + rejected + skipped + pending` always holds. Every rejected or skipped row has one of the
reasons below. The order of `Reason` is the order of the checks, so a row has the first reason that applies.
"""

from enum import StrEnum
from typing import Literal


class RunStatus(StrEnum):
    """The status of a run. `failed` and `interrupted` runs can be resumed and are then `running` again."""

    WAITING = "waiting"
    """Due, and held back by other runs."""
    RUNNING = "running"
    """Under way, or killed. The next run of the orchestration finds out which."""
    COMPLETED = "completed"
    """Every row was delivered or skipped, or the result has no rows, which is shown in amber."""
    COMPLETED_WITH_REJECTS = "completed_with_rejects"
    """Every row was delivered, skipped or rejected."""
    FAILED = "failed"
    """Stopped by an error, which `connector runs show` prints, or nothing was sent because of the rows."""
    INTERRUPTED = "interrupted"
    """Stopped by Ctrl-C."""

    @property
    def label(self) -> str:
        """The status in words for users."""
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
    """The reason for rejecting a row."""

    INVALID_EVENT_SOURCE_ID = "invalid_event_source_id"
    """The row names an event source, or the id of one, that is not possible."""
    MISSING_EVENT = "missing_event"
    """The row has no event, and the destination has no `fixed_event_name`."""
    UNKNOWN_EVENT = "unknown_event"
    """The event is unknown, and `custom_events` does not name it."""
    MISSING_TIMESTAMP = "missing_timestamp"
    """The row has no time."""
    INVALID_TIMESTAMP = "invalid_timestamp"
    """The time cannot be read, or does not exist."""
    EVENT_TOO_OLD = "event_too_old"
    """The event is older than `max_age_days`, counted from the start of the run; a date without a time from the day on
    which the run starts."""
    EVENT_IN_FUTURE = "event_in_future"
    """The event is more than ten minutes after the start of the run."""
    INVALID_CURRENCY = "invalid_currency"
    """The currency is not in ISO 4217."""
    CONFLICTING_CURRENCY = "conflicting_currency"
    """The rows of the event name more than one currency."""
    INVALID_AMOUNT = "invalid_amount"
    """A price, quantity or value that is used is not a number or too large, or the value of the event is negative."""
    INVALID_EVENT_CHANNEL = "invalid_event_channel"
    """The `event_channel` is unknown."""
    INVALID_ID = "invalid_id"
    """An id (`event_id`, `order_id`, `shop_id`, `content_id`, a click or cookie id) is a floating-point number of 2^53
    or more, which may have lost digits."""
    INVALID_VALUE = "invalid_value"
    """A parameter does not take the value, or a required one has none. No parameter of today gives this reason."""
    MISSING_PAGE_URL = "missing_page_url"
    """A web event has no `page_url`."""
    MISSING_IDENTITY = "missing_identity"
    """The row has no identifier: no e-mail address or phone number, nor, on the web, an external id."""
    INVALID_IDENTITY = "invalid_identity"
    """The row has identifiers, but none is valid; or a value cannot be read, as the message says."""
    IDENTICAL_ROWS = "identical_rows"
    """The event has identical rows, and the orchestration has `identical_rows: reject`."""
    INCOMPLETE_EVENT = "incomplete_event"
    """Another row of the event was rejected."""
    REFUSED = "refused"
    """The destination refused the event; its code and message are with the row. Without a code: the event was not sent,
    because it would have named a person."""
    REFUSED_BY_TIKTOK = "refused_by_tiktok"
    """`refused`, at a destination of type `tiktok_events` or `tiktok_audience`."""


class Skip(StrEnum):
    """The reason for skipping a valid row."""

    ALREADY_DELIVERED = "already_delivered"
    """The event was delivered within `max_age_days`, under the same target and `api_url`."""
    ALREADY_MEMBER = "already_member"
    """All identifiers of the row are in the audience already."""
    DUPLICATE = "duplicate"
    """An earlier row has the event id, where each row is an event (`line_items: false`, or a result without event,
    order and content id); or is identical, with `identical_rows: drop`; or, in an audience, earlier rows have all
    identifiers of the row."""
    ANSWER_LOST = "answer_lost"
    """An earlier run sent the event longer ago than the destination recognises it (about 48 hours), and the answer was
    lost. `--resend-unknown` sends it."""
    SUPPRESSED = "suppressed"
    """The event is about a suppressed person."""


class RowWarning(StrEnum):
    """A warning about a row that is sent nevertheless, or would have been."""

    INVALID_EMAIL = "invalid_email"
    """An e-mail address is not valid; it is not sent."""
    INVALID_PHONE = "invalid_phone"
    """A phone number is not valid; it is not sent."""
    INVALID_IP = "invalid_ip"
    """The ip is not valid, or private; it is not sent."""
    LEGACY_EVENT_NAME = "legacy_event_name"
    """The event has an old name; it is sent as given."""
    CURRENCY_NOT_LISTED = "currency_not_listed"
    """The currency is in ISO 4217 and not on the list of the destination; it is sent as given."""
    CONFLICTING_ROWS = "conflicting_rows"
    """The row differs from the first row of its event in a field of the event; the first row counts."""
    MISSING_IP_FOR_LDU = "missing_ip_for_ldu"
    """The event asks for limited data use, which has no effect without an ip."""
    INVALID_DEVICE_ID = "invalid_device_id"
    """An advertising id is not valid, or its kind is unknown; it is not sent."""
    IDENTICAL_ROWS = "identical_rows"
    """The row is identical, in every mapped column, to an earlier row of its event; it is sent, unless `identical_rows`
    says otherwise."""
    INCOMPLETE_AMOUNT = "incomplete_amount"
    """The row has a price without quantity, or the reverse, and no value; or it lacks one, and another row of its event
    has both."""
    PLACEHOLDER_VALUE = "placeholder_value"
    """An identifier, id, postal code, city, state, country or page address is a word for no value (`null`, `n/a`, …) or
    a phone number of one repeated digit; it is not sent."""
    UNKNOWN_COUNTRY = "unknown_country"
    """The country (`country` or `phone_region`) is neither a name nor a code, and the row is a web event or has a phone
    number; it is not sent, and the destination's `default_region` is used for phone numbers without a country code."""
    INVALID_EXTERNAL_ID = "invalid_external_id"
    """The external id is a floating-point number of 2^53 or more, which may have lost digits; it is not sent."""


IdenticalRows = Literal["keep", "drop", "reject"]
"""The treatment of rows of an event that are identical in every mapped column: send all, send one, reject the event."""

NegativeLines = Literal["subtract", "reject"]
"""The treatment of a negative line item: subtract it from the value of the event, or reject the event."""

REASONS = tuple(Reason)
REFUSALS = (Reason.REFUSED, Reason.REFUSED_BY_TIKTOK)
"""The reasons for rows that were sent, or were about to be."""
WARNINGS = tuple(RowWarning)
