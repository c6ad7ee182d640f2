"""A project folder in a temporary directory, and what is wrong with it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from connector.config.project import Project, load_project
from connector.errors import ConfigurationError

BASE = """\
version: 1
warehouses:
  demo: {url: "duckdb:///demo/warehouse.duckdb"}
credentials:
  tiktok: {access_token: token-that-never-prints}
destinations:
  stores:
    type: tiktok_events
    credential: tiktok
    advertiser_id: "7654321098765432109"
    event_source: offline
    event_source_id: "7654321098765432110"
orchestrations:
  purchases:
    query: purchases
    warehouse: demo
    destination: stores
"""


def write(directory: Path, text: str = BASE) -> Path:
    (directory / "queries").mkdir(exist_ok=True)
    (directory / "queries" / "purchases.sql").write_text("SELECT 1")
    (directory / "orchestrations.yaml").write_text(text)
    return directory


def load(
    directory: Path, text: str = BASE, *, target: str | None = None, environ: Mapping[str, str] | None = None
) -> Project:
    return load_project(write(directory, text), environ or {}, target)


def problems(directory: Path, text: str, *, target: str | None = None) -> list[str]:
    """Give each problem as `LINE: sentence`."""
    with pytest.raises(ConfigurationError) as caught:
        load(directory, text, target=target)
    file = directory / "orchestrations.yaml"
    assert all(problem.file == file for problem in caught.value.problems)
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


def line_of(text: str, part: str) -> int:
    """Give the number of the only line that holds `part`."""
    (line,) = [number for number, line in enumerate(text.splitlines(), 1) if part in line]
    return line


def changed(old: str, new: str) -> str:
    """Give the valid project with one place in it changed."""
    assert BASE.count(old) == 1
    return BASE.replace(old, new)
