"""Types of warehouses are found as entry points, those of this distribution as those of any other."""

import json
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from connector.errors import ConfigurationError
from connector.sources.registry import BUILT_IN, GROUP, source_type
from connector.sources.source_types import SQLALCHEMY
from tests.foreign_package import connector_in

PACKAGE = """
from contextlib import contextmanager
import pyarrow as pa
from connector.sources.source_types import SourceType

class Result:
    query_id = None
    table = pa.table({"event_id": ["a", "b"], "timestamp": ["2026-11-29T10:00:00Z"] * 2, "email": ["a@example.com"] * 2})
    schema = table.schema
    def batches(self):
        yield from self.table.to_batches()

class Loft:
    @contextmanager
    def execute(self, sql):
        yield Result()
    def describe(self, sql):
        return Result.schema
    def cancel(self): ...
    def close(self): ...

def connect(warehouse, directory, tag):
    return Loft()

TYPE = SourceType("pigeon")
LACKING = SourceType("pigeon", "no_such_driver", "pigeon[fast]")
"""
PROJECT = """
version: 1
warehouses:
  birds: {{url: "{scheme}://loft/roof"}}
destinations:
  stores: {{type: file, path: out, event_source: offline, event_source_id: "7", fixed_event_name: Purchase, max_age_days: 3650}}
orchestrations:
  flights: {{query: flights, warehouse: birds, destination: stores}}
"""


def test_the_own_types_are_the_entry_points_of_this_distribution() -> None:
    found = {entry.name: entry.value for entry in entry_points(group=GROUP) if entry.value.startswith("connector.")}
    assert found == dict(BUILT_IN)


@pytest.mark.parametrize("url", ["sqlite:///x", "mssql+pyodbc://x"])
def test_what_no_entry_point_names_is_left_to_sqlalchemy(url: str) -> None:
    assert source_type(url).module == SQLALCHEMY.module


def test_an_unknown_type_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError, match='"pigeon": use one of duckdb://.*oracle://'):
        source_type("pigeon://loft")


def installed(folder: Path, scheme: str) -> Path:
    """A project whose warehouse has a type of a distribution beside it."""
    (folder / "pigeon.py").write_text(PACKAGE)
    info = folder / "pigeon-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeon\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\npigeon = pigeon:TYPE\nlacking = pigeon:LACKING\n")
    (folder / "orchestrations.yaml").write_text(PROJECT.format(scheme=scheme))
    (folder / "queries").mkdir()
    (folder / "queries" / "flights.sql").write_text("SELECT 1")
    return folder


def test_another_distribution_brings_a_type_of_its_own(tmp_path: Path) -> None:
    done = connector_in(installed(tmp_path, "pigeon"), "run", "flights", "--json")
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["rows"]["delivered"] == 2


def test_its_driver_is_asked_for(tmp_path: Path) -> None:
    done = connector_in(installed(tmp_path, "lacking"), "validate", "flights")
    assert done.returncode == 2
    assert "needs no_such_driver: pip install 'pigeon[fast]'" in done.stderr
