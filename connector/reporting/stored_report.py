"""Details of a run from its report in the ledger, which takes one statement instead of some twenty."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from connector.catalogue import BY_NAME
from connector.config.project import Project
from connector.core.hashed_rows import MATCHED_BY
from connector.ledger.batch_records import RequestRecord
from connector.ledger.ledger import Ledger
from connector.ledger.requests import RequestSummary, Step
from connector.ledger.run_records import RunRecord
from connector.ledger.timeline import TimelineEntry
from connector.ledger.views.run_lists import ListedRun
from connector.reporting.run_details import RunDetails, examples_in_folder
from connector.reporting.run_history import capabilities_of, trend_of
from connector.staging.event_metrics import DayValue, EventMetrics

_LISTED = (
    "run_id", "orchestration", "target", "workflow", "destination", "api_url", "test_event_code", "status",
    "started_at", "finished_at", "seconds", "staged", "resumable", "error", "row_limit", "retry_of", "engine", "host",
)  # fmt: skip
"""The fields of a run in a list that its record has under the same names."""


def details_from_report(project: Project, ledger: Ledger, run: ListedRun, report: Mapping[str, Any]) -> RunDetails:
    """Return the details of a run that has ended, from the report that the ledger stores."""
    record = _record(run, report)
    metrics = _metrics(report)
    shown_by = report["shown_by"]
    return RunDetails(
        record=record,
        timeline=[TimelineEntry(entry["at"], entry["what"]) for entry in report["timeline"]],
        examples=examples_in_folder(project, record),
        requests=_requests(report),
        metrics=metrics,
        event_sources=_event_sources(project, record, metrics),
        trend=trend_of(ledger, record),
        platform=capabilities_of(project, record),
        visible_by=datetime.fromisoformat(shown_by) if shown_by else None,
        users=tuple(report["by"]),
        no_rows=report["no_rows"],
    )


def _record(run: ListedRun, report: Mapping[str, Any]) -> RunRecord:
    totals, requests = run.totals, report["requests"]
    return RunRecord(
        **{name: getattr(run, name) for name in _LISTED},
        rows=totals.rows,
        events_built=totals.events_built,
        events_delivered=totals.events_delivered,
        events_refused=totals.events_refused,
        requests_sent=requests["sent"],
        requests_retried=requests["retried"],
        rejects=report["rejects"],
        skips=report["skips"],
        warnings=report["warnings"],
        identical_value=report.get("identical_value", {}),
        members=totals.members,
    )


def _requests(report: Mapping[str, Any]) -> RequestSummary:
    summary = report["request_summary"]
    return RequestSummary(
        verdicts=summary["verdicts"],
        retried=summary["retried"],
        median=summary["seconds"]["median"],
        ninety_five=summary["seconds"]["percentile_95"],
        slowest=[RequestRecord(**request) for request in summary["slowest"]],
        steps=[Step(**step) for step in report["steps"]],
    )


def _metrics(report: Mapping[str, Any]) -> EventMetrics | None:
    coverage = report["match_coverage"]
    if coverage is None:
        return None
    return EventMetrics(
        coverage["events"],
        Counter({name: coverage[name]["events"] for name in MATCHED_BY}),
        Counter({entry["age"]: entry["events"] for entry in report["freshness"]}),
        [
            DayValue(
                entry["currency"],
                date.fromisoformat(entry["day"]),
                entry["events"],
                None if entry["value"] is None else Decimal(entry["value"]),
            )
            for entry in report["value"]
        ],
    )


def _event_sources(project: Project, record: RunRecord, metrics: EventMetrics | None) -> frozenset[str]:
    """Return the event source of the destination, and those that take what some events have."""
    written = project.node("destinations", record.destination).child("event_source")
    sources = {str(written.value)} & {"web", "offline"} if written else set()
    for name in MATCHED_BY:
        if metrics is not None and metrics.matched[name] and not BY_NAME[name].sources & sources:
            sources |= BY_NAME[name].sources
    return frozenset(sources)
