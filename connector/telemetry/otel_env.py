"""OpenTelemetry's environment variables: which signals to export.

Source: OpenTelemetry specification, "Environment Variable Specification" and "OpenTelemetry Protocol Exporter".
"""

from collections.abc import Mapping
from dataclasses import dataclass

from connector.errors import UsageError

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@dataclass(frozen=True, slots=True)
class Signals:
    """The signals to export."""

    traces: bool
    metrics: bool

    def __bool__(self) -> bool:
        return self.traces or self.metrics


def signals_from(environ: Mapping[str, str]) -> Signals:
    """Read which signals to export: those with an address, their own or the common one, and the exporter `otlp`.

    Raises UsageError for a protocol other than OTLP over HTTP.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Signals(traces=False, metrics=False)
    signals = Signals(traces=_is_enabled("TRACES", environ), metrics=_is_enabled("METRICS", environ))
    protocol = environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "").strip()
    if signals and protocol not in {"", "http/protobuf"}:
        raise UsageError(f'OTEL_EXPORTER_OTLP_PROTOCOL is "{protocol}"; only http/protobuf is sent.')
    return signals


def _is_enabled(signal: str, environ: Mapping[str, str]) -> bool:
    address = environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT") or environ.get(_ENDPOINT)
    return bool(address) and environ.get(f"OTEL_{signal}_EXPORTER", "otlp").strip().lower() == "otlp"
