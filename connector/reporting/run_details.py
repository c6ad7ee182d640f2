"""Everything that is known of one run, for whoever looks back at it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from connector.catalogue import BY_NAME, PARAMETERS
from connector.config.project import Project
from connector.core.hashed import ID_TYPES, MATCHED_BY
from connector.core.outcomes import REASONS, Reason
from connector.ledger.excluded_rows import first_of_each_reason
from connector.ledger.ledger import Ledger
from connector.ledger.project_ledger import ledger_of, run_directory, run_named
from connector.ledger.records import RunRecord
from connector.ledger.requests import RequestSummary
from connector.ledger.timeline import Moment
from connector.reporting.run_history import worked_on_by
from connector.reporting.trend import Trend, trend_of
from connector.reporting.visibility import no_rows, visible_by
from connector.staging.event_metrics import EventMetrics, sum_metrics

EXAMPLES = 3

_ABOUT: dict[str, tuple[str, ...]] = {
    **{reason: tuple(one.name for one in PARAMETERS if reason in one.reasons) for reason in REASONS},
    **dict.fromkeys((Reason.EVENT_TOO_OLD, Reason.EVENT_IN_FUTURE), ("timestamp",)),
}
"""By reason: the parameters whose values it is about."""
_FOUND_BY = ("order_id", "event_id", "shop_id", "content_id")
PERSONAL = frozenset({*ID_TYPES, *(one.name for one in PARAMETERS if one.personal)})
"""Columns of a rejected row that are of a person's, if only as digests."""


@dataclass(frozen=True, slots=True)
class Example:
    """A rejected row: its number in the result, from 1, what it held that identifies nobody, and, where TikTok refused
    it, what TikTok said.
    """

    row: int
    columns: Mapping[str, Any]
    code: int | None = None
    message: str | None = None

    def telling(self, reason: str, most: int) -> dict[str, str]:
        """At most so many of its columns: first those that the reason is about, then those by which it is found."""
        held = _flat(self.columns)
        names = [*_ABOUT.get(reason, ()), *_FOUND_BY, *held]
        found: dict[str, str] = {}
        for name in dict.fromkeys(names):
            text = _text(held.get(name))
            if text and not (name == "event_id" and text == found.get("order_id")) and len(found) < most:
                found[name] = text
        return found


@dataclass(frozen=True, slots=True)
class RunDetails:
    """What is recorded about one run."""

    record: RunRecord
    timeline: list[Moment]
    examples: dict[str, list[Example]]
    """The first rejected rows by reason. Empty once the run's folder is deleted."""
    requests: RequestSummary
    figures: EventMetrics | None
    """None if no event was delivered, or if the destination has no events."""
    event_sources: frozenset[str]
    """The event sources that the run's events go to."""
    trend: Trend | None
    visible_by: datetime | None
    """When TikTok shows the last of the events at the latest."""
    users: tuple[str, ...] = ()
    """The users who started or resumed the run, in their order."""
    no_rows: str | None = None
    """Why the run read no rows, if it read none."""

    @property
    def matched(self) -> dict[str, int]:
        """How many delivered events have each of MATCHED_BY that goes with one of the event sources."""
        if self.figures is None:
            return {}
        names = (name for name in MATCHED_BY if BY_NAME[name].sources & self.event_sources)
        return {name: self.figures.matched[name] for name in names}

    def as_json(self) -> dict[str, Any]:
        """What `connector runs show --json` adds to the run's record and its requests."""
        requests = self.requests
        return {
            "destination": self.record.destination,
            "by": list(self.users),
            "timeline": [{"at": one.at, "what": one.what} for one in self.timeline],
            "reject_examples": {reason: [asdict(one) for one in some] for reason, some in self.examples.items()},
            "request_summary": {
                "sent": requests.sent,
                "retried": requests.retried,
                "throttled": requests.verdicts.get("throttled", 0),
                "verdicts": requests.verdicts,
                "seconds": {"median": requests.median, "percentile_95": requests.ninety_five},
                "slowest": [one.as_json() for one in requests.slowest],
            },
            **(self.figures.as_json() if self.figures else dict.fromkeys(("match_coverage", "freshness", "value"))),
            "trend": self.trend.as_json() if self.trend else None,
            "shown_by": self.visible_by.isoformat() if self.visible_by else None,
        }


def load_run_details(project: Project, run_id: str) -> RunDetails:
    """Everything that is known of a run. Raises UsageError where there is none with this id."""
    record = run_named(project, run_id)
    with ledger_of(project) as ledger:
        return _insight(project, ledger, record)


def _insight(project: Project, ledger: Ledger, record: RunRecord) -> RunDetails:
    timeline = ledger.moments.of(record.run_id)
    return RunDetails(
        record=record,
        timeline=timeline,
        examples=examples_of(run_directory(project, record.run_id)),
        requests=ledger.requests.summary(record.run_id),
        figures=sum_metrics(ledger.figures.of(record.run_id)),
        event_sources=ledger.batches.resource_types(record.run_id),
        trend=trend_of(ledger, record),
        visible_by=visible_by(record),
        users=tuple(f"{line.use.os_user}@{line.use.host}" for line in worked_on_by(ledger, record.run_id)),
        no_rows=no_rows(project, ledger, record),
    )


def examples_of(directory: Path) -> dict[str, list[Example]]:
    """The first rejected rows of each reason, of the run whose folder this is, without anything of a person's."""
    found: dict[str, list[Example]] = {}
    for one in first_of_each_reason(directory, EXAMPLES):
        held = json.loads(one.columns) if one.columns else {}
        kept = {name: value for name, value in held.items() if name not in PERSONAL}
        found.setdefault(one.reason, []).append(Example(one.row, kept, one.code, one.message))
    return found


def _text(value: Any) -> str:
    return value or "" if isinstance(value, str | None) else json.dumps(value, ensure_ascii=False)


def _flat(columns: Mapping[str, Any]) -> dict[str, Any]:
    """With the members of `properties`, which an event that was built has, beside the others."""
    properties = columns.get("properties")
    inner = properties if isinstance(properties, dict) else {}
    return {**{name: value for name, value in columns.items() if name != "properties"}, **inner}
