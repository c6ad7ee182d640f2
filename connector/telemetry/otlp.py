"""A span for a run, and what it adds to the sums, sent by OTLP over HTTP."""

import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from connector import __version__
from connector.config.project import Project
from connector.errors import ConnectorError
from connector.ledger.records import RunRecord
from connector.outcomes import RunStatus
from connector.pipeline.history import ledger_of
from connector.response_limit import limited_answers
from connector.telemetry.wanted import Wanted, wanted

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.resources import Resource

SECONDS_TO_SEND = 5.0
"""The run is over by then, and nothing of it depends on this."""

MISSING = "OpenTelemetry is not installed: pip install 'connector[metrics]'."


def send_runs(
    project: Project, run_ids: Sequence[str], environ: Mapping[str, str], note: Callable[[str], None]
) -> None:
    """Sends what the environment asks for about runs that have ended. What fails is noted, and not raised."""
    try:
        asked = wanted(environ)
        if not asked:
            return
        with ledger_of(project) as ledger:
            records = [run for run_id in run_ids if (run := ledger.runs.find(run_id))]
    except ConnectorError as error:
        note(error.message)
    else:
        _send_in_time(records, asked, note)


def _send_in_time(records: Sequence[RunRecord], asked: Wanted, note: Callable[[str], None]) -> None:
    said: list[str] = []

    def send() -> None:
        try:
            with complaints() as heard, limited_answers():
                _send(records, asked)
            if heard:
                said.append("The metrics and traces of the run could not be sent to the collector.")
        except ImportError:
            said.append(MISSING)
        except Exception as error:
            # Nothing that a collector, or a setting meant for it, does may reach the run.
            said.append(f"The metrics and traces of the run were not sent: {type(error).__name__}.")

    thread = threading.Thread(target=send, name="telemetry", daemon=True)
    thread.start()
    thread.join(SECONDS_TO_SEND)
    if thread.is_alive():
        said.append(f"The collector did not take the metrics and traces of the run within {SECONDS_TO_SEND:g} s.")
    for sentence in said[:1]:
        note(sentence)


def _send(records: Sequence[RunRecord], asked: Wanted) -> None:
    if asked.traces:
        _send_spans(records)
    if asked.metrics:
        _send_sums(records)


def _send_spans(records: Sequence[RunRecord]) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.trace import Status, StatusCode

    provider = TracerProvider(resource=resource(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(timeout=SECONDS_TO_SEND)))
    tracer = provider.get_tracer("connector", __version__)
    for record in records:
        span = tracer.start_span(
            f"run {record.orchestration}", start_time=_nanoseconds(record.started_at), attributes=attributes(record)
        )
        span.set_status(Status(StatusCode.ERROR if record.error else StatusCode.OK))
        span.end(_nanoseconds(record.finished_at or record.started_at))
    provider.shutdown()


def _send_sums(records: Sequence[RunRecord]) -> None:
    from opentelemetry.sdk.metrics import MeterProvider

    provider = MeterProvider([_reader()], resource=resource(), shutdown_on_exit=False)
    for record in records:
        _add(record, provider)
    provider.force_flush(int(SECONDS_TO_SEND * 1000))
    provider.shutdown()


def _reader() -> "MetricReader":
    """A process that ends sends what it adds to a sum, not the sum since its beginning."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import Counter, Histogram
    from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader

    added: dict[type, AggregationTemporality] = dict.fromkeys((Counter, Histogram), AggregationTemporality.DELTA)
    exporter = OTLPMetricExporter(timeout=SECONDS_TO_SEND, preferred_temporality=added)
    return PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf)


def _add(record: RunRecord, provider: "MeterProvider") -> None:
    meter = provider.get_meter("connector", __version__)
    named = {"connector.orchestration": record.orchestration, "connector.target": record.target}
    meter.create_counter("connector.runs", "{run}").add(1, {**named, "connector.status": record.status.value})
    meter.create_histogram("connector.run.duration", "s").record(record.seconds, named)
    if _can_still_go_on(record):
        return
    rows = meter.create_counter("connector.rows", "{row}")
    for outcome, count in _outcomes(record).items():
        rows.add(count, {**named, "connector.outcome": outcome})
    meter.create_counter("connector.requests", "{request}").add(record.requests_sent, named)


def _can_still_go_on(record: RunRecord) -> bool:
    """Its rows and requests are counted when it has come to its end, once for all times that it was begun."""
    return record.resumable and record.status not in {RunStatus.COMPLETED, RunStatus.COMPLETED_WITH_REJECTS}


def attributes(record: RunRecord) -> dict[str, str | int]:
    """What a span says of a run: names and counts, nothing of a row."""
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
    """Who sends; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    ours = Resource({"service.name": "connector", "service.version": __version__})
    return ours.merge(OTELResourceDetector().detect())


@contextmanager
def complaints() -> Iterator[list[str]]:
    """What OpenTelemetry says is wrong, which would otherwise be printed, and may quote an address."""
    heard: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard[:] = [record.levelname]

    logger, listener = logging.getLogger("opentelemetry"), Listener(logging.WARNING)
    logger.addHandler(listener)
    logger.propagate = False
    try:
        yield heard
    finally:
        logger.removeHandler(listener)


def _nanoseconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1_000) * 1_000_000
