"""Choose the keys that count as delivered, and how long the keys of events that are sent now are kept."""

from datetime import UTC, datetime, timedelta

from connector.ledger.ledger import Ledger
from connector.ledger.run_records import Scope
from connector.ledger.sent_keys import KeyPeriods
from connector.staging.skip_delivered import DeliveredKeys, no_delivered_keys

MARGIN = timedelta(hours=26)
"""Added to `max_age_days` for keys: a row may lie a little in the future and so be recent for longer, and a date
without a time is recent until the end of its last day, which may have 25 hours."""


def delivered_keys(
    ledger: Ledger,
    scope: Scope,
    *,
    max_age_days: int,
    resend_window: timedelta | None,
    test_event_code: str | None,
    resend_unknown: bool = False,
    except_run: str | None = None,
) -> DeliveredKeys:
    """Return the keys that count as delivered for a run in this scope, without those of `except_run`.

    Test events never count as delivered, and no event does for a run with test events. Events whose answer was lost
    longer than `resend_window` ago count as delivered unless `resend_unknown`; without a window, none of them does.
    """
    if test_event_code is not None:
        return no_delivered_keys
    now = datetime.now(UTC)
    lost = None if resend_unknown or resend_window is None else now - resend_window
    periods = KeyPeriods(now - timedelta(days=max_age_days) - MARGIN, lost)
    return lambda: ledger.delivered.sent(scope, periods, excluding=except_run)


def key_expiry(max_age_days: int, test_event_code: str | None) -> datetime | None:
    """Return the moment until which the keys of events that are sent now are kept; None: they are not kept."""
    if test_event_code is not None:
        return None
    return datetime.now(UTC) + timedelta(days=max_age_days) + 2 * MARGIN
