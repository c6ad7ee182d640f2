"""Recognise a run that succeeded, but whose numbers are far from those of its earlier runs."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

from connector.config.notification import DegradedSettings
from connector.core.hashed_rows import MATCHED_BY
from connector.ledger.ledger import Ledger
from connector.ledger.run_records import RunRecord, RunSize
from connector.reporting.run_history import Trend, trend_of
from connector.staging.event_metrics import EventMetrics, sum_metrics

DEVIATIONS = 3
"""A number within so many standard deviations of the median, as the median absolute deviation estimates them, is usual
for an orchestration whose numbers vary, whatever the threshold."""
_NORMAL = 1.4826
"""The standard deviation of a normal distribution in median absolute deviations."""
LEAST_SECONDS = 60
"""A run that takes less than this longer than usual is not called slow."""
LEAST_EVENTS = 20
"""Shares of fewer events say nothing."""


def degradations(ledger: Ledger, run: RunRecord, limits: DegradedSettings) -> list[str]:
    """Return a sentence for each number of a completed run that is far from those of its earlier runs.

    None for a test run, a retry, a run of a part of the result, and while there are too few earlier runs.
    """
    trend = trend_of(ledger, run)
    if trend is None or trend.runs < limits.min_runs or run.test_event_code is not None:
        return []
    return [
        *_rows(trend, limits),
        *_rejects(trend, limits),
        *_coverage(ledger, trend, limits),
        *_seconds(trend, limits),
    ]


def _is_far(now: float, earlier: Sequence[float], threshold: float) -> bool:
    usual = median(earlier)
    deviation = _NORMAL * median(abs(number - usual) for number in earlier)
    return abs(now - usual) > max(threshold, DEVIATIONS * deviation)


def _rows(trend: Trend, limits: DegradedSettings) -> Iterator[str]:
    change = trend.rows
    earlier = [size.rows for size in trend.history[:-1]]
    if change.percent is not None and _is_far(change.now, earlier, change.median * limits.rows_percent / 100):
        yield f"Rows read: {change.now:,}, usually {change.median:,.0f} ({change.percent:+,.0f} %)."


def _seconds(trend: Trend, limits: DegradedSettings) -> Iterator[str]:
    change = trend.seconds
    earlier = [size.seconds for size in trend.history[:-1]]
    threshold = max(change.median * limits.seconds_percent / 100, LEAST_SECONDS)
    if change.now > change.median and _is_far(change.now, earlier, threshold):
        yield f"Duration: {change.now:,.0f} s, usually {change.median:,.0f} s."


def _rejects(trend: Trend, limits: DegradedSettings) -> Iterator[str]:
    *earlier, current = [_rejected_percent(size) for size in trend.history]
    usual = [percent for percent in earlier if percent is not None]
    if current is None or len(usual) < limits.min_runs:
        return
    if current > median(usual) and _is_far(current, usual, limits.rejects_percent):
        yield f"Rows rejected: {current:.1f} %, usually {median(usual):.1f} %."


def _rejected_percent(size: RunSize) -> float | None:
    return 100 * size.rejected / size.rows if size.rows else None


def _coverage(ledger: Ledger, trend: Trend, limits: DegradedSettings) -> Iterator[str]:
    metrics = _metrics(ledger, [size.run_id for size in trend.history])
    current = metrics.pop(trend.history[-1].run_id, None)
    if current is None or len(metrics) < limits.min_runs:
        return
    for name in MATCHED_BY:
        now, earlier = _share(current, name), [_share(one, name) for one in metrics.values()]
        if now < median(earlier) and _is_far(now, earlier, limits.match_coverage_percent):
            yield f"Delivered events with {name}: {now:.1f} %, usually {median(earlier):.1f} %."


def _metrics(ledger: Ledger, run_ids: Sequence[str]) -> dict[str, EventMetrics]:
    """Return the metrics of the runs that delivered enough events."""
    parts = defaultdict(list)
    for run_id, part in ledger.pages.metrics(run_ids):
        parts[run_id].append(part)
    summed = {run_id: sum_metrics(of_run) for run_id, of_run in parts.items()}
    return {run_id: metrics for run_id, metrics in summed.items() if metrics and metrics.events >= LEAST_EVENTS}


def _share(metrics: EventMetrics, name: str) -> float:
    return 100 * metrics.matched[name] / metrics.events
