"""Rendering a query written in a test."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.errors import ConfigurationError
from connector.queries.query_template import RunVariables, render_query

RUN = RunVariables(started_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


def rendered(directory: Path, text: str, dialect: str = "duckdb", run: RunVariables = RUN, **parameters: Any) -> str:
    (directory / "q.sql").write_text(text, encoding="utf-8", newline="")
    return render_query(directory / "q.sql", dialect=dialect, parameters=parameters, run=run, target="local")


def refused(directory: Path, text: str, dialect: str = "duckdb", **parameters: Any) -> str:
    """Give the only problem as `LINE: sentence`."""
    with pytest.raises(ConfigurationError) as caught:
        rendered(directory, text, dialect, **parameters)
    (problem,) = caught.value.problems
    assert problem.file == directory / "q.sql"
    return f"{problem.line}: {problem.message}"
