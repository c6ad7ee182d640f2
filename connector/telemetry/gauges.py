"""The scheduler's gauges, exported by OTLP while `start` runs: waiting, running, time since success."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from connector.core.version import __version__
from connector.errors import UsageError
from connector.telemetry.otel_env import signals_from
from connector.telemetry.otlp import EXPORT_TIMEOUT, NOT_INSTALLED, captured_warnings, resource


@dataclass(frozen=True, slots=True)
class Gauges:
    """The values at one moment."""

    time: datetime
    waiting: int = 0
    running: int = 0
    completed: Mapping[str, datetime] = field(default_factory=dict)
    """When each orchestration last completed."""

    def seconds_since_success(self) -> dict[str, float]:
        """Return the seconds since each orchestration completed."""
        return {name: max(0.0, (self.time - moment).total_seconds()) for name, moment in self.completed.items()}


@contextmanager
def export_gauges(
    environ: Mapping[str, str], target: str, read_gauges: Callable[[], Gauges], note: Callable[[str], None]
) -> Iterator[None]:
    """Export from entry to exit, each minute or as OTEL_METRIC_EXPORT_INTERVAL says, if the environment asks for it.

    Notes what prevents the export; raises nothing.
    """
    try:
        if not signals_from(environ).metrics:
            yield
            return
    except UsageError as error:
        note(error.message)
        yield
        return
    with captured_warnings():
        shut_down = _start_exporting(target, read_gauges, note)
        try:
            yield
        finally:
            shut_down()


def _start_exporting(
    target: str, read_gauges: Callable[[], Gauges], note: Callable[[str], None]
) -> Callable[[], object]:
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.metrics import CallbackOptions, Observation
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    except ImportError:
        note(NOT_INSTALLED)
        return lambda: None
    labels = {"connector.target": target}

    def waiting(_: CallbackOptions) -> Iterator[Observation]:
        yield Observation(read_gauges().waiting, labels)

    def running(_: CallbackOptions) -> Iterator[Observation]:
        yield Observation(read_gauges().running, labels)

    def since_success(_: CallbackOptions) -> Iterator[Observation]:
        for name, seconds in read_gauges().seconds_since_success().items():
            yield Observation(seconds, {**labels, "connector.orchestration": name})

    reader = PeriodicExportingMetricReader(OTLPMetricExporter(timeout=EXPORT_TIMEOUT))
    provider = MeterProvider([reader], resource=resource(), shutdown_on_exit=False)
    meter = provider.get_meter("connector", __version__)
    meter.create_observable_gauge("connector.waiting", [waiting], "{orchestration}")
    meter.create_observable_gauge("connector.running", [running], "{orchestration}")
    meter.create_observable_gauge("connector.since_success", [since_success], "s")
    return provider.shutdown
