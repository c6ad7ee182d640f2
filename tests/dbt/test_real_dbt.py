"""A project that the real dbt builds, tests and breaks."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import ROOT, Outcome, connector
from tests.cli.shop import Shop
from tests.dbt.conftest import Dbt, programs
from tests.dbt.project import RECORDED, Beside, beside_recorded, settings, trimmed_manifest, trimmed_results
from tests.scheduler.station import Station, fields

pytestmark = pytest.mark.thorough
PROD = ("--target", "prod")
QUERY = """\
SELECT o.*, c.mobile AS phone
FROM {{ ref('fct_orders') }} AS o
JOIN {{ ref('dim_customers', v=2) }} AS c ON c.mail = o.email
JOIN {{ ref('tools', 'shops') }} ON true
JOIN {{ ref('shop_names') }} AS n USING (city)
JOIN {{ source('raw', 'orders') }} AS r ON 'order-' || r.order_id = o.order_id
WHERE EXISTS (FROM {{ ref('orders_history') }}) AND EXISTS (FROM {{ ref('dim_customers', v=1) }})
"""


def beside(dbt: Dbt, **orchestration: Any) -> Beside:
    """A project of the connector beside that of dbt."""
    made = Beside(dbt.directory.parent / "sends")
    made.directory.mkdir()
    written = {"manifest": "../analytics/target/manifest.json", "target": "prod"}
    given = orchestration or {"query": "orders"}
    made.settings.write_text(yaml.safe_dump(settings("duckdb:///../analytics/shop.duckdb", written, given)))
    made.query(QUERY)
    return made


def run(made: Beside, *names: str) -> Outcome:
    return connector("run", *(names or ("orders",)), "--json", "--yes", project=made.directory)


def without_times(entry: Any) -> Any:
    """The facts that do not differ from one build to the next."""
    if isinstance(entry, dict):
        times = {"generated_at", "invocation_id", "completed_at", "invocation_command"}
        return {key: without_times(value) for key, value in entry.items() if key not in times}
    return [without_times(one) for one in entry] if isinstance(entry, list) else entry


def by_id(results: dict[str, Any]) -> dict[str, Any]:
    return {**results, "results": sorted(results["results"], key=lambda one: one["unique_id"])}


def test_what_is_recorded_is_what_dbt_writes(dbt: Dbt) -> None:
    for name, trim in (("manifest", trimmed_manifest), ("run_results", trimmed_results)):
        written = trim(json.loads((dbt.directory / "target" / f"{name}.json").read_text()))
        recorded = json.loads((RECORDED / f"{name}.json").read_text())
        if name == "run_results":
            written, recorded = by_id(written), by_id(recorded)
        assert without_times(written) == without_times(recorded)


def test_a_project_is_built_tested_run_and_held_back(dbt: Dbt) -> None:
    made = beside(dbt)
    assert run(made).record()["rows"]["delivered"] == 3
    dbt("build", *PROD, "--vars", "{bad_data: true}", fails=True)
    outcome = run(made)
    sentence = 'The test "not_null_fct_orders_order_id" of the dbt model "fct_orders" failed at'
    assert (outcome.code, outcome.record()["error"].startswith(sentence)) == (3, True)
    dbt("build", *PROD, "--vars", "{broken: true}", fails=True)
    outcome = run(made)
    assert outcome.record()["error"].startswith('The dbt model "fct_orders" failed at')
    made.query("SELECT email, now() AS timestamp FROM {{ ref('vip_customers') }}")
    error = run(made).json["error"]
    assert 'The dbt model "vip_customers" was skipped' in error
    assert 'because "fct_orders" failed' in error
    dbt(*error.split("`")[1].removeprefix("dbt ").split())
    assert run(made).code == 0


def test_stale_sources_and_other_targets_hold_back(dbt: Dbt) -> None:
    made = beside(dbt, model="fct_orders")
    dbt("source", "freshness", *PROD, "--vars", "{days_old: 5}", fails=True)
    assert 'The dbt source "raw.orders" of the dbt model "fct_orders" was stale' in run(made).json["error"]
    dbt("source", "freshness", *PROD)
    assert run(made).code == 0
    dbt("parse")
    assert 'is in the database "shop_dev"' in connector("validate", project=made.directory).stderr


def test_it_runs_after_a_build_that_succeeds(dbt: Dbt) -> None:
    made = beside(dbt, model="fct_orders", workflow="automatic", schedule={"after": "dbt"})
    at = Station(Shop(made.directory), now=datetime.now(UTC))

    def look() -> None:
        for _ in range(4):
            at.now = datetime.now(UTC)
            loop.tick(at.now)

    with at.loop() as loop:
        look()
        dbt("build", *PROD, "--vars", "{broken: true}", fails=True)
        look()
        assert [fields(line)["because"][:31] for line in at.changes("held")] == ['The dbt model "fct_orders" fail']
        dbt("compile", *PROD)
        look()
        assert at.changes("started") == []
        dbt("build", *PROD)
        look()
        assert fields(at.wait_for(loop, "ended"))["status"] == "completed"


def test_a_project_from_dbt_runs_and_is_in_its_lineage(dbt: Dbt) -> None:
    dbt("docs", "generate", *PROD)
    made = Beside(dbt.directory.parent / "sends")
    created = connector("init", str(made.directory), "--from-dbt", str(dbt.directory))
    assert created.code == 0, created.stderr
    names = list(yaml.safe_load(made.settings.read_text())["orchestrations"])
    assert sorted(names) == ["dim_customers_v2", "fct_orders", "vip_customers"]
    assert connector("validate", "--connect", project=made.directory).code == 0
    assert [one["rows"]["delivered"] for one in run(made, *names).json["runs"]] == [3, 3, 3]
    file = dbt.directory / "models" / "exposures.yml"
    assert connector("dbt", "exposures", "-o", str(file), project=made.directory).code == 0
    assert "eprecat" not in dbt("parse", "--no-partial-parse", "--show-all-deprecations")
    listed = dbt("ls", "--quiet", "--select", "+exposure:dim_customers_v2").split()
    assert {"exposure:shop.dim_customers_v2", "shop.dim_customers.v2", "source:shop.raw.orders"} <= set(listed)


SQLMESH_MODEL = """\
MODEL (name marts.fct_orders, kind FULL);
SELECT 'order-' || n AS order_id, n || '@example.com' AS email, now()::TIMESTAMP AS timestamp FROM range(3) AS t (n)
"""
SQLMESH_CONFIG = """\
gateways: {local: {connection: {type: duckdb, database: shop.duckdb}}}
default_gateway: local
model_defaults: {dialect: duckdb, start: 2026-01-01}
"""


def test_models_of_sqlmesh_are_read_by_the_names_of_their_views(tmp_path: Path) -> None:
    program = programs(ROOT / ".cache" / "sqlmesh", "sqlmesh>=0.236") / "sqlmesh"
    project = tmp_path / "analytics"
    (project / "models").mkdir(parents=True)
    (project / "models" / "fct_orders.sql").write_text(SQLMESH_MODEL)
    (project / "config.yaml").write_text(SQLMESH_CONFIG)
    for environment in ((), ("dev", "--include-unmodified")):
        command = [program, "plan", *environment, "--auto-apply", "--no-prompts"]
        done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    parameters = {"schema": "marts"}
    url = "duckdb:///../analytics/shop.duckdb"
    made = beside_recorded(tmp_path / "sends", url=url, query="orders", parameters=parameters)
    made.query("SELECT * FROM {{ parameters.schema | identifier }}.fct_orders")
    text = made.settings.read_text()
    for schema in ("marts", "marts__dev"):
        made.settings.write_text(text.replace("schema: marts", f"schema: {schema}"))
        assert run(made).record()["rows"]["read"] == 3
