"""Orchestrations as parts of other orchestrators. Each module imports its orchestrator, which no extra installs."""
