"""When what was sent is to be seen at TikTok."""

from datetime import datetime, timedelta

from connector.destinations.tiktok.delays import EVENTS_SHOW_WITHIN
from connector.ledger.records import RunRecord

SIMULATOR = "simulator"


def shown_by(record: RunRecord) -> datetime | None:
    """When TikTok shows what a run delivered at the latest; None where no event was, or not in earnest."""
    if (
        record.members
        or not record.events_delivered
        or record.test_event_code
        or record.api_url == SIMULATOR
        or not record.finished_at
    ):
        return None
    return datetime.fromisoformat(record.finished_at) + timedelta(hours=EVENTS_SHOW_WITHIN)
