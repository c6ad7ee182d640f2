"""Orchestrations as parts of other orchestrators. Each module imports its orchestrator, which no extra installs."""

NOT_RETRYABLE = frozenset({2, 3})
"""Exit codes of errors that stay until somebody fixes the files or the rows."""
