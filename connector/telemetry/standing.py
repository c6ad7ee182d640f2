"""How many orchestrations wait and run, and how long ago each completed, sent by OTLP as long as `start` goes on."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from connector import __version__
from connector.errors import UsageError
from connector.telemetry.otlp import MISSING, SECONDS_TO_SEND, complaints, resource
from connector.telemetry.wanted import wanted


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known at one moment. `completed` is when each orchestration last did."""

    now: datetime
    waiting: int = 0
    running: int = 0
    completed: Mapping[str, datetime] = field(default_factory=dict)

    def seconds_since_success(self) -> dict[str, float]:
        """By orchestration."""
        return {name: max(0.0, (self.now - moment).total_seconds()) for name, moment in self.completed.items()}


@contextmanager
def sending(
    environ: Mapping[str, str], target: str, standing: Callable[[], Standing], note: Callable[[str], None]
) -> Iterator[None]:
    """Sends from entry to exit, if the environment asks for metrics, each minute or as OTEL_METRIC_EXPORT_INTERVAL
    says. What keeps it from sending is noted.
    """
    try:
        if not wanted(environ).metrics:
            yield
            return
    except UsageError as error:
        note(error.message)
        yield
        return
    with complaints():
        shut_down = _begin(target, standing, note)
        try:
            yield
        finally:
            shut_down()


def _begin(target: str, standing: Callable[[], Standing], note: Callable[[str], None]) -> Callable[[], object]:
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.metrics import CallbackOptions, Observation
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    except ImportError:
        note(MISSING)
        return lambda: None
    at = {"connector.target": target}

    def waiting(_: CallbackOptions) -> Iterator[Observation]:
        yield Observation(standing().waiting, at)

    def running(_: CallbackOptions) -> Iterator[Observation]:
        yield Observation(standing().running, at)

    def since_success(_: CallbackOptions) -> Iterator[Observation]:
        for name, seconds in standing().seconds_since_success().items():
            yield Observation(seconds, {**at, "connector.orchestration": name})

    reader = PeriodicExportingMetricReader(OTLPMetricExporter(timeout=SECONDS_TO_SEND))
    provider = MeterProvider([reader], resource=resource(), shutdown_on_exit=False)
    meter = provider.get_meter("connector", __version__)
    meter.create_observable_gauge("connector.waiting", [waiting], "{orchestration}")
    meter.create_observable_gauge("connector.running", [running], "{orchestration}")
    meter.create_observable_gauge("connector.since_success", [since_success], "s")
    return provider.shutdown
