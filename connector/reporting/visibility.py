"""What is said of a run at its end: when TikTok shows what was sent, and why there was nothing to send."""

from datetime import datetime, timedelta

from connector.config.addresses import SIMULATOR
from connector.config.project import Project
from connector.destinations.tiktok.delays import EVENTS_SHOW_WITHIN
from connector.ledger.ledger import Ledger
from connector.ledger.records import RunRecord


def no_rows(project: Project, ledger: Ledger, record: RunRecord) -> str | None:
    """Return the sentence on why a completed run read no rows; None if it read some."""
    if not record.is_empty:
        return None
    if record.retry_of:
        return f"No rows were read: the result has none of those that run {record.retry_of} left out."
    if ledger.files.has_read(record.run_id):
        return "No rows were read: the files hold no rows."
    if record.orchestration not in project.orchestrations:
        return "No rows were read."
    if project.node("orchestrations", record.orchestration).child("file") is not None:
        return "No rows were read: every file was sent before."
    return "No rows were read: the query returned no rows."


def visible_by(record: RunRecord) -> datetime | None:
    """When TikTok shows the events of a run at the latest; None where there were none, or not for TikTok in earnest."""
    nowhere = record.test_event_code is not None or record.api_url == SIMULATOR
    if record.members or nowhere or not record.events_delivered or not record.finished_at:
        return None
    return datetime.fromisoformat(record.finished_at) + timedelta(hours=EVENTS_SHOW_WITHIN)
