"""Metrics and traces of runs, for OpenTelemetry and Prometheus. Off unless configured."""
