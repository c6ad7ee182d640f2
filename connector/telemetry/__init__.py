"""Figures and traces for whoever watches: OpenTelemetry, and Prometheus. Off unless asked for."""
