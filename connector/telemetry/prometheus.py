"""What `/metrics` answers: sums over the runs in the ledger, and what waits and runs now."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector.errors import UsageError
from connector.ledger.totals import RowFigures, RunFigures
from connector.telemetry.standing import Standing

if TYPE_CHECKING:
    from prometheus_client.core import Metric

MISSING = "/metrics needs prometheus_client: pip install 'connector[metrics]'."


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known at one moment under a target."""

    target: str
    runs: Iterable[RunFigures]
    rows: Iterable[RowFigures]
    standing: Standing


def check_installed() -> None:
    """Raises UsageError where the part that writes Prometheus's text is not there."""
    try:
        import prometheus_client  # noqa: F401
    except ImportError:
        raise UsageError(MISSING) from None


def as_text(snapshot: Snapshot) -> tuple[str, bytes]:
    """The type and the text that Prometheus reads."""
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

    by = ["target", "orchestration"]
    runs = GaugeMetricFamily("connector_runs", "Runs in the ledger by their status.", labels=[*by, "status"])
    rows = CounterMetricFamily("connector_rows", "Rows by what became of them.", labels=[*by, "outcome"])
    pending = GaugeMetricFamily("connector_rows_pending", "Rows that are still to be sent.", labels=by)
    requests = CounterMetricFamily("connector_requests", "Requests that were answered.", labels=by)
    seconds = CounterMetricFamily("connector_run_seconds", "Seconds that runs took.", labels=by)
    since = GaugeMetricFamily("connector_seconds_since_success", "Since a run last completed.", labels=by)
    for name, figures in _by_name(snapshot.runs).items():
        at = [snapshot.target, name]
        for one in figures:
            runs.add_metric([*at, one.status], one.runs)
        rows.add_metric([*at, "rejected"], sum(one.rejected for one in figures))
        rows.add_metric([*at, "skipped"], sum(one.skipped for one in figures))
        requests.add_metric(at, sum(one.requests_sent for one in figures))
        seconds.add_metric(at, sum(one.seconds for one in figures))
    for row in snapshot.rows:
        rows.add_metric([snapshot.target, row.orchestration, "delivered"], row.delivered)
        pending.add_metric([snapshot.target, row.orchestration], row.pending)
    for name, passed in snapshot.standing.seconds_since_success().items():
        since.add_metric([snapshot.target, name], passed)
    yield from (runs, rows, pending, requests, seconds, since)
    for key, count, says in (
        ("waiting", snapshot.standing.waiting, "Orchestrations that wait to start."),
        ("running", snapshot.standing.running, "Orchestrations that run."),
    ):
        gauge = GaugeMetricFamily(f"connector_{key}", says, labels=["target"])
        gauge.add_metric([snapshot.target], count)
        yield gauge


def _by_name(figures: Iterable[RunFigures]) -> dict[str, list[RunFigures]]:
    found: dict[str, list[RunFigures]] = {}
    for one in figures:
        found.setdefault(one.orchestration, []).append(one)
    return found
