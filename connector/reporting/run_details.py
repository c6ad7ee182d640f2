"""Details of one run: timeline, rejected rows, requests, event metrics and trend."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector.catalogue import BY_NAME, PARAMETERS
from connector.config.project import Project
from connector.core.hashed_rows import ID_TYPES, MATCHED_BY
from connector.core.outcomes import REASONS, Reason, RunStatus
from connector.destinations.base import Capabilities
from connector.errors import ConnectorError
from connector.ledger.excluded_rows import first_of_each_reason
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import find_run, ledger_of
from connector.ledger.requests import RequestSummary
from connector.ledger.run_records import RunRecord
from connector.ledger.timeline import TimelineEntry
from connector.reporting.run_history import Trend, capabilities_of, no_rows, sending_uses, trend_of, visible_by
from connector.staging.event_metrics import EventMetrics, sum_metrics

if TYPE_CHECKING:
    from connector.ledger.leases import NodeUsage

EXAMPLES = 3
"""The most examples of rejected rows for a reason."""

_COLUMNS_OF_REASON: dict[str, tuple[str, ...]] = {
    **{reason: tuple(parameter.name for parameter in PARAMETERS if reason in parameter.reasons) for reason in REASONS},
    **dict.fromkeys((Reason.EVENT_TOO_OLD, Reason.EVENT_IN_FUTURE), ("timestamp",)),
}
"""For each reason, the parameters whose values it is about."""
_IDENTIFYING_COLUMNS = ("order_id", "event_id", "shop_id", "content_id")
PERSONAL = frozenset({*ID_TYPES, *(parameter.name for parameter in PARAMETERS if parameter.personal)})
"""Columns of a rejected row that hold personal data, if only as digests."""


@dataclass(frozen=True, slots=True)
class Example:
    """A rejected row."""

    row: int
    """The number of the row in the result, from 1."""
    columns: Mapping[str, Any]
    """The columns that do not identify a person."""
    code: int | None = None
    """The error code of the destination, if it refused the row."""
    message: str | None = None
    """The error message of the destination, if it refused the row."""

    def relevant_columns(self, reason: str, most: int) -> dict[str, str]:
        """Return at most `most` columns: those that the reason is about, then those that identify the row, then others.

        An event id that equals the order id is left out.
        """
        values = _flatten(self.columns)
        names = [*_COLUMNS_OF_REASON.get(reason, ()), *_IDENTIFYING_COLUMNS, *values]
        texts: dict[str, str] = {}
        for name in dict.fromkeys(names):
            text = _text(values.get(name))
            if text and not (name == "event_id" and text == texts.get("order_id")) and len(texts) < most:
                texts[name] = text
        return texts


@dataclass(frozen=True, slots=True)
class RunDetails:
    """The records of one run."""

    record: RunRecord
    timeline: list[TimelineEntry]
    examples: dict[str, list[Example]]
    """The first rejected rows by reason. Empty once the run's folder is deleted."""
    requests: RequestSummary
    metrics: EventMetrics | None
    """None if no event was delivered, or if the destination has no events."""
    event_sources: frozenset[str]
    """The event sources that the run's events go to."""
    trend: Trend | None
    platform: Capabilities
    """The features of the destination, for messages."""
    visible_by: datetime | None
    """When the platform shows the last of the events at the latest; None if it does so at once."""
    users: tuple[str, ...] = ()
    """The users who started or resumed the run, in their order."""
    no_rows: str | None = None
    """The reason why the run read no rows, if it read none."""
    nodes: "Sequence[NodeUsage]" = ()
    """The work of each machine of the engine. Empty for a run without one."""

    @property
    def matched(self) -> dict[str, int]:
        """The number of delivered events with each identifier of MATCHED_BY that the event sources take."""
        if self.metrics is None:
            return {}
        names = (name for name in MATCHED_BY if BY_NAME[name].sources & self.event_sources)
        return {name: self.metrics.matched[name] for name in names}

    def as_json(self) -> dict[str, Any]:
        """Return what `connector runs show --json` adds to the run's record and its requests."""
        requests = self.requests
        return {
            "destination": self.record.destination,
            "by": list(self.users),
            "timeline": [{"at": step.at, "what": step.what} for step in self.timeline],
            "reject_examples": {reason: list(map(asdict, examples)) for reason, examples in self.examples.items()},
            "request_summary": {
                "sent": requests.sent,
                "retried": requests.retried,
                "throttled": requests.verdicts.get("throttled", 0),
                "verdicts": requests.verdicts,
                "seconds": {"median": requests.median, "percentile_95": requests.ninety_five},
                "slowest": [request.as_json() for request in requests.slowest],
            },
            **(self.metrics.as_json() if self.metrics else dict.fromkeys(("match_coverage", "freshness", "value"))),
            "trend": self.trend.as_json() if self.trend else None,
            "shown_by": self.visible_by.isoformat() if self.visible_by else None,
            **({"nodes": [node.as_json() for node in self.nodes]} if self.record.engine else {}),
        }


def load_run_details(project: Project, run_id: str) -> RunDetails:
    """Load the details of a run. Raises UsageError if there is no run with this id."""
    record = find_run(project, run_id)
    with ledger_of(project) as ledger:
        return details_of(project, ledger, record)


def store_reports(project: Project, run_ids: Sequence[str]) -> None:
    """Store what there is to say of runs that ended, so that pages do not compute it. Raises ConnectorError.

    It has no examples of rejected rows, which are deleted with the run's folder.
    """
    if not run_ids:
        return
    with ledger_of(project) as ledger:
        for run_id in run_ids:
            record = ledger.runs.find(run_id)
            if record is not None and record.status is not RunStatus.RUNNING:
                ledger.runs.store_report(run_id, report_of(project.under(record.target), ledger, record))


def report_of(project: Project, ledger: Ledger, record: RunRecord) -> dict[str, Any]:
    """Return the report of a run as the ledger stores it: what `connector runs show --json` prints, and `steps`."""
    details = details_of(project, ledger, record, with_examples=False)
    further = {"query_id": record.query_id, "retry_of": record.retry_of}
    report = {**record.as_json(), **further, **details.as_json()}
    del report["reject_examples"]
    return {**report, "steps": list(map(asdict, details.requests.steps)), "no_rows": details.no_rows}


def details_of(project: Project, ledger: Ledger, record: RunRecord, *, with_examples: bool = True) -> RunDetails:
    """Return the details of a run that is at hand."""
    timeline = ledger.timeline.of(record.run_id)
    return RunDetails(
        record=record,
        timeline=timeline,
        examples=examples_in_folder(project, record) if with_examples else {},
        requests=ledger.requests.summary(record.run_id),
        metrics=sum_metrics(metrics for _, metrics in ledger.pages.metrics([record.run_id])),
        event_sources=ledger.batches.resource_types(record.run_id),
        trend=trend_of(ledger, record),
        platform=capabilities_of(project, record),
        visible_by=visible_by(project, record),
        users=tuple(f"{use.actor or use.os_user}@{use.host}" for use in sending_uses(ledger, record.run_id)),
        no_rows=no_rows(project, ledger, record),
        nodes=ledger.leases.nodes(record.run_id) if record.engine else (),
    )


def examples_in_folder(project: Project, record: RunRecord) -> dict[str, list[Example]]:
    """Return the first rejected rows by reason; none if they lie in a shared folder that cannot be reached now."""
    from connector.staging.shared_stage import excluded_folder

    with suppress(ConnectorError), excluded_folder(project, record) as folder:
        return examples_of(folder)
    return {}


def examples_of(directory: Path) -> dict[str, list[Example]]:
    """Read the first rejected rows of each reason from the folder of a run, without personal data."""
    examples: dict[str, list[Example]] = {}
    for row in first_of_each_reason(directory, EXAMPLES):
        values = json.loads(row.columns) if row.columns else {}
        columns = {name: value for name, value in values.items() if name not in PERSONAL}
        examples.setdefault(row.reason, []).append(Example(row.row, columns, row.code, row.message))
    return examples


def _text(value: Any) -> str:
    return value or "" if isinstance(value, str | None) else json.dumps(value, ensure_ascii=False)


def _flatten(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Put the members of `properties`, which rows of a built event have, beside the other columns."""
    properties = columns.get("properties")
    inner = properties if isinstance(properties, dict) else {}
    return {**{name: value for name, value in columns.items() if name != "properties"}, **inner}
