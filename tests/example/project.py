"""The repository as a project folder: its warehouse at a chosen moment, its queries with their parameters."""

import re
from datetime import UTC, datetime
from pathlib import Path

import duckdb

ROOT = Path(__file__).parents[2]
WAREHOUSE_SQL = ROOT / "demo" / "warehouse.sql"
PARAMETERS = {"days": "7", "event_set_id": "'7654321098765432110'", "minimum_value": "2000"}


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def warehouse_at(now: datetime) -> duckdb.DuckDBPyConnection:
    """The demo warehouse as it is, was or will be at `now`, in UTC."""
    warehouse = duckdb.connect()
    warehouse.execute(WAREHOUSE_SQL.read_text("utf-8"))
    warehouse.execute(f"CREATE OR REPLACE MACRO generator.now_utc() AS TIMESTAMP '{now:%Y-%m-%d %H:%M:%S}'")
    return warehouse


def query(name: str, now: datetime | None = None) -> str:
    """A shipped query with the example's parameters; `now` takes the place of the clock."""
    sql = (ROOT / "queries" / f"{name}.sql").read_text("utf-8")
    sql = re.sub(r"\{\{ parameters\.(\w+) \}\}", lambda match: PARAMETERS[match[1]], sql)
    return sql if now is None else sql.replace("current_date", f"DATE '{now:%Y-%m-%d}'")
