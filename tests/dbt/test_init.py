"""A new project for the models of a dbt project."""

import json
from pathlib import Path

import pytest
import yaml

from connector.inspection.mapping_suggestion import suggest_mapping
from tests.cli.command import inside
from tests.dbt.project import RECORDED, SHOP, beside_recorded

MAPPINGS: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "order_id email timestamp value currency": ("offline", {}),
    "ORDER_ID EMAIL ORDERED_AT AMOUNT": ("offline", {"timestamp": ("ORDERED_AT",), "value": ("AMOUNT",)}),
    "order_number customer_email billing_phone created_at order_total currency_code": (
        "offline",
        {
            "order_id": ("order_number",),
            "email": ("customer_email",),
            "phone": ("billing_phone",),
            "timestamp": ("created_at",),
            "value": ("order_total",),
            "currency": ("currency_code",),
        },
    ),
    "email_1 email_2 phone_number transaction_timestamp transaction_amount": (
        "offline",
        {
            "email": ("email_1", "email_2"),
            "phone": ("phone_number",),
            "timestamp": ("transaction_timestamp",),
            "value": ("transaction_amount",),
        },
    ),
    "orderId customerEmail orderDate totalAmount": (
        "offline",
        {"order_id": ("orderId",), "email": ("customerEmail",), "timestamp": ("orderDate",), "value": ("totalAmount",)},
    ),
    "event_name occurred_at page_url ttclid user_agent ip_address customer_id": (
        "web",
        {
            "event": ("event_name",),
            "timestamp": ("occurred_at",),
            "ip": ("ip_address",),
            "external_id": ("customer_id",),
        },
    ),
    "mail mobile": ("audience", {"email": ("mail",), "phone": ("mobile",)}),
    "customer_id email created_at updated_at": ("audience", {}),
    "idfa gaid": ("audience", {}),
    "email_sha256 lifetime_value": ("audience", {"email": ("email_sha256",)}),
}


@pytest.mark.parametrize("columns", MAPPINGS)
def test_a_mapping_is_suggested_by_the_names_of_columns(columns: str) -> None:
    kind, own = MAPPINGS[columns]
    mapping = suggest_mapping(columns.split())
    assert mapping is not None
    assert (mapping.kind, dict(mapping.own)) == (kind, own)


@pytest.mark.parametrize("columns", ["", "id name", "shop_id city", "order_id amount ordered_at", "is_emailed opt_in"])
def test_columns_that_identify_nobody_have_none(columns: str) -> None:
    assert suggest_mapping(columns.split()) is None


@pytest.mark.parametrize("path", ["", "target", "target/manifest.json"])
def test_the_project_is_valid_and_runs(tmp_path: Path, path: str) -> None:
    made = beside_recorded(tmp_path / "analytics")
    for name in ("dbt_project.yml", "profiles.yml"):
        (made.directory / name).write_text((SHOP / name).read_text())
    folder = tmp_path / "sends"
    outcome = inside("init", str(folder), "--from-dbt", str(made.directory / path), project=tmp_path)
    assert outcome.code == 0, outcome.stderr
    settings = yaml.safe_load((folder / "orchestrations.yaml").read_text())
    assert settings["dbt"] == {"manifest": "../analytics/target/manifest.json", "target": "prod"}
    assert settings["warehouses"]["marts"]["url"] == "duckdb:///../analytics/shop.duckdb"
    assert list(settings["orchestrations"]) == ["vip_customers", "fct_orders", "dim_customers_v2"]
    assert "Without columns that identify people: shop_names." in outcome.stderr
    assert "Models of packages (tools) are not included: name them with --model PACKAGE.MODEL." in outcome.stderr
    assert "guess" not in outcome.stderr + (folder / "orchestrations.yaml").read_text()
    assert inside("validate", "--connect", project=folder).code == 0
    ran = inside("run", *settings["orchestrations"], "--yes", "--json", project=folder)
    assert [run["rows"]["delivered"] for run in ran.json["runs"]] == [3, 3, 3]
    again = inside("init", str(folder), "--from-dbt", str(made.directory), project=tmp_path)
    assert (again.code, "already has orchestrations.yaml" in again.stderr) == (2, True)


def test_models_are_chosen_by_name_and_their_columns_found_in_the_catalog(tmp_path: Path) -> None:
    made = beside_recorded(tmp_path / "analytics")
    columns = {name: {"name": name, "type": "VARCHAR"} for name in ("SHOP_ID", "MANAGER_EMAIL")}
    (made.directory / "target" / "catalog.json").write_text(
        json.dumps({"nodes": {"model.tools.shops": {"columns": columns}}})
    )
    folder = tmp_path / "sends"
    options = ("--from-dbt", str(made.directory), "--model", "tools.shops", "--model", "dim_customers.v1")
    outcome = inside("init", str(folder), *options, project=tmp_path)
    assert (outcome.code, "Models of packages" in outcome.stderr) == (0, False)
    orchestrations = yaml.safe_load((folder / "orchestrations.yaml").read_text())["orchestrations"]
    assert {name: one["model"] for name, one in orchestrations.items()} == {
        "shops": "tools.shops",
        "dim_customers_v1": "dim_customers.v1",
    }
    template = (folder / "templates" / "shops.yaml").read_text()
    assert "  email: MANAGER_EMAIL" in template
    assert "# Not sent: SHOP_ID." in template
    assert inside("validate", project=folder).code == 0


REFUSED = {
    "no manifest": ([], "There is no manifest.json in"),
    "an unknown model": (["--model", "fct_order"], 'Did you mean "fct_orders"?'),
    "an ephemeral model": (["--model", "stg_orders"], "is ephemeral"),
    "a model of nobody": (["--model", "tools.shops"], "No column of shops looks like an e-mail address"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_written_is_refused(tmp_path: Path, case: str) -> None:
    options, sentence = REFUSED[case]
    source = tmp_path / "nothing" if case == "no manifest" else RECORDED
    outcome = inside("init", str(tmp_path / "sends"), "--from-dbt", str(source), *options, project=tmp_path)
    assert (outcome.code, sentence in outcome.sentence) == (2, True)
    assert not (tmp_path / "sends").exists()


def test_models_need_their_project(tmp_path: Path) -> None:
    outcome = inside("init", str(tmp_path / "sends"), "--model", "fct_orders", project=tmp_path)
    assert (outcome.code, "with --from-dbt PATH" in outcome.sentence) == (2, True)


@pytest.mark.parametrize(
    "adapter",
    [
        "duckdb",
        "snowflake",
        "postgres",
        "redshift",
        "bigquery",
        "databricks",
        "trino",
        "sqlserver",
        "oracle",
        "mysql",
        "mariadb",
        "clickhouse",
    ],
)
def test_each_warehouse_has_a_url_that_is_valid(tmp_path: Path, adapter: str) -> None:
    made = beside_recorded(tmp_path / "analytics")
    made.change_manifest(metadata={"adapter_type": adapter})
    folder = tmp_path / "sends"
    outcome = inside("init", str(folder), "--from-dbt", str(made.directory), project=tmp_path)
    assert outcome.code == 0
    assert "The url of the warehouse marts is a guess: correct it in orchestrations.yaml." in outcome.stderr
    assert "# The url is a guess, as the manifest of dbt does not hold it: correct it.\n    url: " in (
        (folder / "orchestrations.yaml").read_text()
    )
    problems = inside("validate", "--json", project=folder).json["problems"]
    assert {problem["rule"] for problem in problems} <= {"missing_value", "missing_driver"}
