"""A project whose only orchestration keeps an audience equal to the table `people` of a DuckDB file."""

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from connector.config.project import Project, load_project
from connector.destinations.confirmation import Confirmation
from connector.errors import UsageError
from connector.ledger.run_records import RunRecord
from connector.observer import Silent
from connector.runs.engine import RunOptions
from connector.runs.run import run_orchestration
from connector.simulator.server import Simulator
from tests.audiences.reference import Member, members_of
from tests.duckdb_file import writing

NAME = "vips"
ADVERTISER = "7654321098765432109"
OTHER = "7000000000000000002"
PEOPLE = pa.schema([(name, pa.string()) for name in ("email", "phone", "idfa", "aaid")])


@dataclass(frozen=True)
class Shop:
    directory: Path

    @property
    def project(self) -> Project:
        return load_project(self.directory, {})

    def people(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Puts these people into the warehouse, in place of all others."""
        table = pa.Table.from_pylist([{name: row.get(name) for name in PEOPLE.names} for row in rows], PEOPLE)
        with writing(self.directory / "people.duckdb") as connection:
            connection.register("given", table)
            connection.execute("CREATE OR REPLACE TABLE people AS FROM given")

    def run(self, **options: Any) -> RunRecord:
        """One run in this process; every row is accounted for."""
        wanted = RunOptions(**{"confirmation": Confirmation(yes=True), **options})
        record = run_orchestration(self.project, NAME, wanted, observer=self.listener, stop=threading.Event())
        assert record.rows.balanced, record
        return record

    @property
    def listener(self) -> "Notes":
        return Notes(self.directory / "notes.txt")

    @property
    def notes(self) -> str:
        path = self.directory / "notes.txt"
        return path.read_text() if path.exists() else ""


@dataclass
class Notes(Silent):
    """Keeps what a run says."""

    path: Path

    def note(self, sentence: str) -> None:
        with self.path.open("a") as file:
            file.write(f"{sentence}\n")


def open_shop(directory: Path, url: str, **destination: Any) -> Shop:
    """A project that goes to the simulator at `url`; settings of the destination may differ."""
    (directory / "queries").mkdir(parents=True)
    (directory / "queries" / f"{NAME}.sql").write_text("SELECT * FROM people")
    settings = {
        "version": 1,
        "warehouses": {"shop": {"url": "duckdb:///people.duckdb"}},
        "credentials": {"tiktok": {"access_token": "token-of-the-audience"}},
        "destinations": {
            "audience": {
                "type": "tiktok_audience",
                "credential": "tiktok",
                "advertiser_ids": [ADVERTISER],
                "audience": "VIP",
                "requests_per_second": 1000,
                "api_url": url,
                "retry": {"first_wait": 0, "longest_wait": 0.01},
                **destination,
            }
        },
        "orchestrations": {NAME: {"query": NAME, "warehouse": "shop", "destination": "audience"}},
    }
    (directory / "orchestrations.yaml").write_text(yaml.safe_dump(settings))
    return Shop(directory)


def wanted(rows: Iterable[Mapping[str, Any]]) -> set[Member]:
    """Who should be in the audience, by an independent reading of the rules."""
    return {member for row in rows for member in members_of(row)}


def members(simulator: Simulator, name: str = "VIP") -> set[Member]:
    """Who is in the audience at TikTok."""
    found = [one for one in simulator.world.audiences.values() if one.name == name]
    assert len(found) == 1, f"{len(found)} audiences are called {name}"
    return {(schema, digest.hex()) for schema, digests in found[0].members.items() for digest in digests}


def refusal(shop: Shop, **options: Any) -> str:
    """What is said where a run is not carried out."""
    try:
        shop.run(**options)
    except UsageError as error:
        return error.message
    raise AssertionError("the run was carried out")


def units_of(payload: str) -> Any:
    return json.loads(f"[{payload}]")
