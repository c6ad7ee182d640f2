"""A project folder with a small warehouse of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.duckdb_file import writing

TOKEN = "token-of-the-shop-that-never-prints"
SOURCE_ID = "7654321098765432109"
NAME = "purchases"

GOOD = "SELECT 'e' || n AS event_id, now() - to_seconds(n) AS timestamp, n || '@example.com' AS email, 2.5 AS value FROM range({rows}) AS t (n)"
"""So many good events, one a row."""


@dataclass(frozen=True)
class Shop:
    """A project folder; `purchases` is its orchestration."""

    directory: Path

    @property
    def state(self) -> Path:
        """Where the connector keeps what it knows."""
        return self.directory / ".connector"

    @property
    def warehouse(self) -> Path:
        """The warehouse file."""
        return self.directory / "warehouse.duckdb"

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.directory / "orchestrations.yaml"

    @property
    def query(self) -> Path:
        """The saved query."""
        return self.directory / "queries" / f"{NAME}.sql"


def shop(
    directory: Path,
    api_url: str,
    query: str,
    *,
    tables: Mapping[str, str] | None = None,
    destination: Mapping[str, Any] | None = None,
    template: Mapping[str, Any] | None = None,
    **orchestration: Any,
) -> Shop:
    """Writes a project whose query is `query`; `tables` are made in its warehouse by their SQL."""
    made = Shop(directory)
    (directory / "queries").mkdir(parents=True)
    made.query.write_text(query)
    if template is not None:
        (directory / "templates").mkdir()
        (directory / "templates" / "own.yaml").write_text(yaml.safe_dump(dict(template)))
        orchestration["template"] = "own"
    made.settings.write_text(yaml.safe_dump(settings(api_url, destination or {}, orchestration)))
    with writing(made.warehouse) as warehouse:
        for name, sql in (tables or {}).items():
            warehouse.execute(f"CREATE TABLE {name} AS {sql}")
    return made


def settings(api_url: str, destination: Mapping[str, Any], orchestration: Mapping[str, Any]) -> dict[str, Any]:
    """An orchestrations.yaml with one of everything."""
    events = {
        "type": "tiktok_events",
        "credential": "tiktok",
        "advertiser_id": SOURCE_ID,
        "event_source": "offline",
        "event_source_id": SOURCE_ID,
        "fixed_event_name": "Purchase",
        "api_url": api_url,
        "max_in_flight": 2,
        "retry": {"first_wait": 0.01, "longest_wait": 0.02, "max_attempts": 4},
    }
    return {
        "version": 1,
        "warehouses": {"own": {"url": "duckdb:///warehouse.duckdb"}},
        "credentials": {"tiktok": {"access_token": TOKEN}},
        "destinations": {"stores": {**events, **destination}},
        "orchestrations": {NAME: {"query": NAME, "warehouse": "own", "destination": "stores", **orchestration}},
    }
