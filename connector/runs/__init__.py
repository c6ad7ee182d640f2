"""Run an orchestration: read its query, stage the result, send it, and record the outcome of every row."""
