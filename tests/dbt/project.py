"""A dbt project, what dbt wrote about it when it was recorded, and a project folder of the connector beside it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.duckdb_file import writing

SHOP = Path(__file__).parent / "shop"
"""The dbt project."""
RECORDED = Path(__file__).parent / "recorded"
"""The parts of the files of `dbt build --target prod` on it that are read."""
SOURCE_ID = "7654321098765432109"

_NODE = (
    "unique_id name package_name resource_type database schema alias identifier source_name relation_name version "
    "latest_version description original_file_path attached_node"
).split()
_TABLES = {
    "marts.fct_orders": "SELECT 'order-' || n AS order_id, n || '@example.com' AS email, "
    "now()::TIMESTAMP - to_seconds(n) AS timestamp, 10.5 * n AS value, 'EUR' AS currency FROM range(1, 4) AS t (n)",
    "marts.dim_customers_v1": "SELECT email AS mail FROM marts.fct_orders",
    "marts.dim_customers_v2": "SELECT email AS mail, '+49301234501' AS mobile FROM marts.fct_orders",
    "marts.vip_customers": "SELECT DISTINCT email FROM marts.fct_orders",
    "marts.orders_history": "SELECT * FROM marts.fct_orders",
    "marts_tools.shops": "SELECT 1 AS shop_id, 'Berlin' AS city",
    'marts_extra."Names of shops"': "SELECT * FROM marts_tools.shops",
    "landing.orders_2026": "SELECT * FROM marts.fct_orders",
}


def trimmed_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a manifest that are read."""
    kept = ("dbt_schema_version", "generated_at", "adapter_type", "project_name")
    disabled = ("name", "package_name", "resource_type", "source_name", "version")
    return {
        "metadata": {key: manifest["metadata"][key] for key in kept},
        "nodes": {key: _node(node) for key, node in manifest["nodes"].items() if node["resource_type"] != "operation"},
        "sources": {key: _node(node) for key, node in manifest["sources"].items()},
        "disabled": {
            key: [{name: node.get(name) for name in disabled} for node in nodes]
            for key, nodes in manifest["disabled"].items()
        },
    }


def _node(node: Mapping[str, Any]) -> dict[str, Any]:
    columns = {
        name: {key: column.get(key) for key in ("name", "description", "data_type")}
        for name, column in node["columns"].items()
    }
    config = {key: node["config"].get(key) for key in ("materialized", "meta")}
    trimmed = {key: node[key] for key in _NODE if node.get(key) is not None}
    above = {"nodes": node.get("depends_on", {}).get("nodes", [])}
    return {**trimmed, "columns": columns, "config": config, "depends_on": above}


def trimmed_results(results: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of run results that are read."""
    kept = ("unique_id", "status", "message")
    return {
        "metadata": {key: results["metadata"][key] for key in ("dbt_schema_version", "generated_at", "invocation_id")},
        "args": {key: results["args"].get(key) for key in ("which", "target", "invocation_command")},
        "results": [
            {**{key: one.get(key) for key in kept}, "timing": [{"completed_at": _end(one)}] if one["timing"] else []}
            for one in results["results"]
        ],
    }


def _end(result: Mapping[str, Any]) -> str:
    end: str = result["timing"][-1]["completed_at"]
    return end


@dataclass(frozen=True)
class Beside:
    """A project folder of the connector, with the recorded files of dbt in `target/`."""

    directory: Path

    @property
    def settings(self) -> Path:
        return self.directory / "orchestrations.yaml"

    @property
    def manifest(self) -> Path:
        return self.directory / "target" / "manifest.json"

    def query(self, text: str, name: str = "orders") -> None:
        """Save a query."""
        (self.directory / "queries").mkdir(exist_ok=True)
        (self.directory / "queries" / f"{name}.sql").write_text(text)

    def change_manifest(self, **parts: Any) -> None:
        """Replace parts of the manifest; `nodes` are added to those that there are."""
        manifest = json.loads(self.manifest.read_text())
        for key, value in parts.items():
            manifest[key] = {**manifest[key], **value} if key in {"nodes", "sources", "metadata"} else value
        self.manifest.write_text(json.dumps(manifest))


def beside_recorded(
    directory: Path, *, url: str = "duckdb:///shop.duckdb", dbt: Mapping[str, Any] | None = None, **orchestration: Any
) -> Beside:
    """Writes a project whose orchestration `orders` has these settings; by default, it sends the model fct_orders."""
    made = Beside(directory)
    (directory / "target").mkdir(parents=True)
    for name in ("manifest.json", "run_results.json"):
        (directory / "target" / name).write_text((RECORDED / name).read_text())
    given = orchestration or {"model": "fct_orders"}
    made.settings.write_text(yaml.safe_dump(settings(url, dbt or {"manifest": "target/manifest.json"}, given)))
    if url == "duckdb:///shop.duckdb":
        with writing(directory / "shop.duckdb") as warehouse:
            for name, sql in _TABLES.items():
                warehouse.execute(f"CREATE SCHEMA IF NOT EXISTS {name.partition('.')[0]}")
                warehouse.execute(f"CREATE TABLE {name} AS {sql}")
    return made


def settings(url: str, dbt: Mapping[str, Any], orchestration: Mapping[str, Any]) -> dict[str, Any]:
    """An orchestrations.yaml with one of everything."""
    stores = {
        "type": "tiktok_events",
        "credential": "tiktok",
        "advertiser_id": SOURCE_ID,
        "event_source": "offline",
        "event_source_id": SOURCE_ID,
        "fixed_event_name": "Purchase",
        "api_url": "simulator",
    }
    return {
        "version": 1,
        "dbt": dict(dbt),
        "warehouses": {"marts": {"url": url}},
        "credentials": {"tiktok": {"access_token": "token"}},
        "destinations": {"stores": stores},
        "orchestrations": {"orders": {"warehouse": "marts", "destination": "stores", **orchestration}},
    }


def record(target: Path) -> None:
    """Replace the recorded files by those that dbt has written."""
    RECORDED.mkdir(exist_ok=True)
    for name, trim in (("manifest", trimmed_manifest), ("run_results", trimmed_results)):
        written = trim(json.loads((target / f"{name}.json").read_text()))
        (RECORDED / f"{name}.json").write_text(json.dumps(written, indent=1) + "\n")


def write_results(
    made: Beside, *, minutes_ago: float = 0, args: Mapping[str, Any] | None = None, **statuses: str
) -> None:
    """Write run results of a `dbt build --target prod` with other statuses, by the names of models and tests."""
    path = made.manifest.with_name("run_results.json")
    results = json.loads((RECORDED / "run_results.json").read_text())
    moment = (datetime.now(UTC) - timedelta(minutes=minutes_ago)).isoformat().replace("+00:00", "Z")
    results["metadata"]["generated_at"] = moment
    results["args"] |= args or {}
    known = {one["unique_id"].split(".")[2]: one for one in results["results"]}
    for name, status in statuses.items():
        known[name]["status"] = status
    for one in results["results"]:
        one["timing"] = [{"completed_at": moment}] if one["timing"] else []
    results["results"] = [one for one in results["results"] if one["status"] != "absent"]
    path.write_text(json.dumps(results))


def write_freshness(made: Beside, status: str) -> None:
    """Write the results of `dbt source freshness`."""
    moment = datetime.now(UTC).isoformat()
    one = {"unique_id": "source.shop.raw.orders", "status": status, "max_loaded_at": "2026-11-02T03:04:05+00:00"}
    results = {"metadata": {"generated_at": moment}, "results": [one]}
    made.manifest.with_name("sources.json").write_text(json.dumps(results))
