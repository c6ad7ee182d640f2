"""What OpenTelemetry's own environment variables ask for.

Source: OpenTelemetry specification, "Environment Variable Specification" and "OpenTelemetry Protocol Exporter".
"""

from collections.abc import Mapping
from dataclasses import dataclass

from connector.errors import UsageError

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which signals are sent."""

    traces: bool
    metrics: bool

    def __bool__(self) -> bool:
        return self.traces or self.metrics


def wanted(environ: Mapping[str, str]) -> Wanted:
    """A signal is sent where an address for it, or for all of them, is set, and its exporter is not `none`.

    Raises UsageError where another protocol than OTLP over HTTP is asked for.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Wanted(traces=False, metrics=False)
    found = Wanted(traces=_is_sent("TRACES", environ), metrics=_is_sent("METRICS", environ))
    protocol = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "").strip()
    if found and protocol not in {"", "http/protobuf"}:
        raise UsageError(f'OTEL_EXPORTER_OTLP_PROTOCOL is "{protocol}"; only http/protobuf is sent.')
    return found


def _is_sent(signal: str, environ: Mapping[str, str]) -> bool:
    address = environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT") or environ.get(_ENDPOINT)
    return bool(address) and environ.get(f"OTEL_{signal}_EXPORTER", "otlp").strip().lower() == "otlp"
