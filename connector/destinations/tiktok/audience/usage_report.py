"""Report the deliveries of third-party data in a month, which its buyer has to submit."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from connector.config.project import Project
from connector.destinations.tiktok.settings import AudienceSettings
from connector.errors import UsageError
from connector.ledger.database import as_text
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import ledger_of

COLUMNS = (
    "month", "advertiser_ids", "destination", "audience", "audience_id", "runs", "rows_delivered",
    "identifiers_delivered", "last_delivered_at", "reporting_contacts", "impressions", "amount_spent",
)  # fmt: skip
"""Columns of the report. Only TikTok Ads Manager knows the last two, which are left empty."""


@dataclass(frozen=True, slots=True)
class UsageReport:
    """A line with COLUMNS for each audience that got third-party data in the month."""

    month: str
    lines: list[dict[str, object]]


def usage_report(project: Project, month: str) -> UsageReport:
    """Report the deliveries to destinations with `data_marketplace` in a month (`2026-11`) in UTC.

    Raises UsageError for an invalid month, or if no destination has `data_marketplace`.
    """
    first = _month(month)
    marked = [one for one in _destinations(project) if one.data_marketplace]
    if not marked:
        raise UsageError("No destination has `data_marketplace`: there is nothing to report.")
    with ledger_of(project) as ledger:
        lines = [line for one in marked for line in _lines(project, ledger, one, first)]
    return UsageReport(month, lines)


def _destinations(project: Project) -> list[AudienceSettings]:
    found = {}
    for name in project.orchestrations:
        destination = project.orchestration(name).destination
        if isinstance(destination, AudienceSettings):
            found[destination.name] = destination
    return list(found.values())


def _lines(project: Project, ledger: Ledger, destination: AudienceSettings, first: date) -> list[dict[str, object]]:
    begin = datetime(first.year, first.month, 1, tzinfo=UTC)
    end = begin + timedelta(days=monthrange(first.year, first.month)[1])
    delivered = ledger.members.delivered_between(destination.name, project.target, as_text(begin), as_text(end))
    known = {one.audience_id: one for one in ledger.members.audiences(project.target)}
    contacts = destination.data_marketplace.reporting_contact_email if destination.data_marketplace else ()
    found = []
    for one in delivered:
        audience = known.get(one.audience_id)
        ids = audience.advertiser_ids if audience else destination.advertiser_ids[0]
        name = audience.name if audience else destination.audience or ""
        values = (
            f"{first:%Y-%m}", " ".join(ids), destination.name, name, one.audience_id, one.runs, one.rows, one.members,
            one.last, " ".join(contacts), "", "",
        )  # fmt: skip
        found.append(dict(zip(COLUMNS, values, strict=True)))
    return found


def _month(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise UsageError(f'Invalid month "{text}": use YYYY-MM, such as 2026-11.') from None
