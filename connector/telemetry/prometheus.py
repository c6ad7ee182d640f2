"""The answer of `/metrics`: sums over the runs in the ledger, and the scheduler's gauges."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector.core.version import install_hint
from connector.errors import UsageError
from connector.ledger.totals import RowTotals, RunTotals
from connector.telemetry.gauges import Gauges

if TYPE_CHECKING:
    from prometheus_client.core import Metric

NOT_INSTALLED = f"/metrics needs prometheus_client: {install_hint('metrics')}."


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The metrics of a target at one moment."""

    target: str
    runs: Iterable[RunTotals]
    rows: Iterable[RowTotals]
    gauges: Gauges


def require_prometheus() -> None:
    """Raise UsageError if prometheus_client is not installed."""
    try:
        import prometheus_client  # noqa: F401
    except ImportError:
        raise UsageError(NOT_INSTALLED) from None


def render_metrics(snapshot: Snapshot) -> tuple[str, bytes]:
    """Return the content type and the text that Prometheus reads."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class Now(Collector):
        def collect(self) -> Iterator["Metric"]:
            yield from _metrics(snapshot)

    registry = CollectorRegistry()
    registry.register(Now())
    return CONTENT_TYPE_LATEST, generate_latest(registry)


def _metrics(snapshot: Snapshot) -> Iterator["Metric"]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    labels = ["target", "orchestration"]
    runs = GaugeMetricFamily("connector_runs", "Runs in the ledger by their status.", labels=[*labels, "status"])
    rows = CounterMetricFamily("connector_rows", "Rows by what became of them.", labels=[*labels, "outcome"])
    pending = GaugeMetricFamily("connector_rows_pending", "Rows that are still to be sent.", labels=labels)
    requests = CounterMetricFamily("connector_requests", "Requests that were answered.", labels=labels)
    seconds = CounterMetricFamily("connector_run_seconds", "Seconds that runs took.", labels=labels)
    since = GaugeMetricFamily("connector_seconds_since_success", "Since a run last completed.", labels=labels)
    for name, figures in _by_name(snapshot.runs).items():
        label_values = [snapshot.target, name]
        for run_figures in figures:
            runs.add_metric([*label_values, run_figures.status], run_figures.runs)
        rows.add_metric([*label_values, "rejected"], sum(run_figures.rejected for run_figures in figures))
        rows.add_metric([*label_values, "skipped"], sum(run_figures.skipped for run_figures in figures))
        requests.add_metric(label_values, sum(run_figures.requests_sent for run_figures in figures))
        seconds.add_metric(label_values, sum(run_figures.seconds for run_figures in figures))
    for row in snapshot.rows:
        rows.add_metric([snapshot.target, row.orchestration, "delivered"], row.delivered)
        pending.add_metric([snapshot.target, row.orchestration], row.pending)
    for name, elapsed in snapshot.gauges.seconds_since_success().items():
        since.add_metric([snapshot.target, name], elapsed)
    yield from (runs, rows, pending, requests, seconds, since)
    for key, count, help_text in (
        ("waiting", snapshot.gauges.waiting, "Orchestrations that wait to start."),
        ("running", snapshot.gauges.running, "Orchestrations that run."),
    ):
        gauge = GaugeMetricFamily(f"connector_{key}", help_text, labels=["target"])
        gauge.add_metric([snapshot.target], count)
        yield gauge


def _by_name(figures: Iterable[RunTotals]) -> dict[str, list[RunTotals]]:
    by_name: dict[str, list[RunTotals]] = {}
    for entry in figures:
        by_name.setdefault(entry.orchestration, []).append(entry)
    return by_name
