"""When what was sent is to be seen at TikTok."""

from datetime import datetime, timedelta

from connector.config.places import SIMULATOR
from connector.destinations.tiktok.delays import EVENTS_SHOW_WITHIN
from connector.ledger.records import RunRecord


def shown_by(record: RunRecord) -> datetime | None:
    """When TikTok shows the events of a run at the latest; None where there were none, or not for TikTok in earnest."""
    nowhere = record.test_event_code is not None or record.api_url == SIMULATOR
    if record.members or nowhere or not record.events_delivered or not record.finished_at:
        return None
    return datetime.fromisoformat(record.finished_at) + timedelta(hours=EVENTS_SHOW_WITHIN)
