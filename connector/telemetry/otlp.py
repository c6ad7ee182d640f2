"""Export of ended runs by OTLP over HTTP: a span and counter increments for each."""

import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from connector.config.project import Project
from connector.core.outcomes import RunStatus
from connector.core.response_limit import limited_responses
from connector.core.version import __version__, install_hint
from connector.errors import ConnectorError
from connector.ledger.project_ledger import ledger_of
from connector.ledger.run_records import RunRecord
from connector.telemetry.otel_env import Signals, signals_from

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.resources import Resource

EXPORT_TIMEOUT = 5.0
"""For one export. The run is over by then, and nothing of it depends on this."""

NOT_INSTALLED = f"OpenTelemetry is not installed: {install_hint('metrics')}."


def export_runs(
    project: Project, run_ids: Sequence[str], environ: Mapping[str, str], note: Callable[[str], None]
) -> None:
    """Export the signals that the environment asks for about ended runs. Notes failures and raises nothing."""
    try:
        signals = signals_from(environ)
        if not signals:
            return
        with ledger_of(project) as ledger:
            records = [run for run_id in run_ids if (run := ledger.runs.find(run_id))]
    except ConnectorError as error:
        note(error.message)
    else:
        _export_with_deadline(records, signals, note)


def _export_with_deadline(records: Sequence[RunRecord], signals: Signals, note: Callable[[str], None]) -> None:
    problems: list[str] = []

    def send() -> None:
        try:
            with captured_warnings() as warnings, limited_responses():
                _export(records, signals)
            if warnings:
                problems.append("The metrics and traces of the run could not be sent to the collector.")
        except ImportError:
            problems.append(NOT_INSTALLED)
        except Exception as error:
            # Nothing that a collector, or a setting meant for it, does may reach the run.
            problems.append(f"The metrics and traces of the run were not sent: {type(error).__name__}.")

    thread = threading.Thread(target=send, name="telemetry", daemon=True)
    thread.start()
    thread.join(EXPORT_TIMEOUT)
    if thread.is_alive():
        problems.append(f"The collector did not take the metrics and traces of the run within {EXPORT_TIMEOUT:g} s.")
    for sentence in problems[:1]:
        note(sentence)


def _export(records: Sequence[RunRecord], signals: Signals) -> None:
    if signals.traces:
        _export_spans(records)
    if signals.metrics:
        _export_sums(records)


def _export_spans(records: Sequence[RunRecord]) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.trace import Status, StatusCode

    provider = TracerProvider(resource=resource(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(timeout=EXPORT_TIMEOUT)))
    tracer = provider.get_tracer("connector", __version__)
    for record in records:
        span = tracer.start_span(
            f"run {record.orchestration}", start_time=_nanoseconds(record.started_at), attributes=attributes(record)
        )
        span.set_status(Status(StatusCode.ERROR if record.error else StatusCode.OK))
        span.end(_nanoseconds(record.finished_at or record.started_at))
    provider.shutdown()


def _export_sums(records: Sequence[RunRecord]) -> None:
    from opentelemetry.sdk.metrics import MeterProvider

    provider = MeterProvider([_delta_reader()], resource=resource(), shutdown_on_exit=False)
    for record in records:
        _add_run(record, provider)
    provider.force_flush(int(EXPORT_TIMEOUT * 1000))
    provider.shutdown()


def _delta_reader() -> "MetricReader":
    """Build a reader that sends increments, since a process that ends has no sum since its beginning."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import Counter, Histogram
    from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader

    temporalities: dict[type, AggregationTemporality] = dict.fromkeys(
        (Counter, Histogram), AggregationTemporality.DELTA
    )
    exporter = OTLPMetricExporter(timeout=EXPORT_TIMEOUT, preferred_temporality=temporalities)
    return PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf)


def _add_run(record: RunRecord, provider: "MeterProvider") -> None:
    meter = provider.get_meter("connector", __version__)
    labels = {"connector.orchestration": record.orchestration, "connector.target": record.target}
    meter.create_counter("connector.runs", "{run}").add(1, {**labels, "connector.status": record.status.value})
    meter.create_histogram("connector.run.duration", "s").record(record.seconds, labels)
    if _can_resume(record):
        return
    rows = meter.create_counter("connector.rows", "{row}")
    for outcome, count in _outcomes(record).items():
        rows.add(count, {**labels, "connector.outcome": outcome})
    meter.create_counter("connector.requests", "{request}").add(record.requests_sent, labels)


def _can_resume(record: RunRecord) -> bool:
    """Test whether the run may still resume: rows and requests are counted once, at its end."""
    return record.resumable and record.status not in {RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS}


def attributes(record: RunRecord) -> dict[str, str | int]:
    """Return the attributes of a run's span: names and counts, nothing of a row."""
    return {
        "connector.run_id": record.run_id,
        "connector.orchestration": record.orchestration,
        "connector.target": record.target,
        "connector.status": record.status.value,
        "connector.rows.read": record.rows.read,
        **{f"connector.rows.{outcome}": count for outcome, count in _outcomes(record).items()},
        "connector.rows.pending": record.rows.pending,
        "connector.events.built": record.events_built,
        "connector.events.delivered": record.events_delivered,
        "connector.events.refused": record.events_refused,
        "connector.requests.sent": record.requests_sent,
        "connector.requests.retried": record.requests_retried,
    }


def _outcomes(record: RunRecord) -> dict[str, int]:
    rows = record.rows
    return {"delivered": rows.delivered, "rejected": rows.rejected, "skipped": rows.skipped}


def resource() -> "Resource":
    """Describe the sender; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    defaults = Resource({"service.name": "connector", "service.version": __version__})
    return defaults.merge(OTELResourceDetector().detect())


@contextmanager
def captured_warnings() -> Iterator[list[str]]:
    """Capture OpenTelemetry's warnings, which would otherwise be printed and may quote an address."""
    levels: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            levels[:] = [record.levelname]

    logger, listener = logging.getLogger("opentelemetry"), Listener(logging.WARNING)
    logger.addHandler(listener)
    logger.propagate = False
    try:
        yield levels
    finally:
        logger.removeHandler(listener)


def _nanoseconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1_000) * 1_000_000
