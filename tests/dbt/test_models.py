"""Models and sources of dbt in place of the names of tables."""

import json
from pathlib import Path
from typing import Any

import pytest

from connector.config.project import load_project
from connector.runs.job import current_job
from tests.cli.command import inside
from tests.dbt.project import Beside, beside_recorded

RESOLVED = {
    "ref('fct_orders')": '"shop"."marts"."fct_orders"',
    'ref("fct_orders")': '"shop"."marts"."fct_orders"',
    "ref('shop', 'fct_orders')": '"shop"."marts"."fct_orders"',
    "ref('tools', 'shops')": '"shop"."marts_tools"."shops"',
    "ref('shops')": '"shop"."marts_tools"."shops"',
    "ref('shop_names')": '"shop"."marts_extra"."Names of shops"',
    "ref('dim_customers')": '"shop"."marts"."dim_customers_v2"',
    "ref('dim_customers', v=1)": '"shop"."marts"."dim_customers_v1"',
    "ref('dim_customers', version='2')": '"shop"."marts"."dim_customers_v2"',
    "ref('shop', 'dim_customers', v=2)": '"shop"."marts"."dim_customers_v2"',
    "ref('orders_history')": '"shop"."marts"."orders_history"',
    "source('raw', 'orders')": '"shop"."landing"."orders_2026"',
}
REFUSED = {
    "ref('fct_order')": 'There is no dbt model "fct_order" in the manifest. Did you mean "fct_orders"?',
    "ref('tools', 'fct_orders')": 'There is no dbt model "fct_orders" in the package "tools" in the manifest (there is '
    "shops).",
    "ref('tool', 'shops')": 'There is no dbt package "tool" in the manifest. Did you mean "tools"?',
    "ref('stg_orders')": 'The dbt model "stg_orders" is ephemeral, so dbt builds no table or view for it: materialize '
    "it as a view, or name a model that selects from it.",
    "ref('switched_off')": 'The dbt model "switched_off" is disabled: set enabled to true in dbt, or name another '
    "model.",
    "ref('dim_customers', v=3)": 'There is no version 3 of the dbt model "dim_customers": the versions are 1, 2.',
    "ref('fct_orders', v=1)": 'There is no version 1 of the dbt model "fct_orders": it has no versions.',
    "ref()": "ref() takes the name of a model, or a package and a model, as ref('fct_orders').",
    "ref(1)": "ref() takes the name of a model, or a package and a model, as ref('fct_orders').",
    "source('raw')": "source() takes the names of a source and its table, as source('raw', 'orders').",
    "source('row', 'orders')": 'There is no dbt source "row" in the manifest. Did you mean "raw"?',
    "source('raw', 'order')": 'There is no table "order" in the dbt source "raw". Did you mean "orders"?',
    "source('raw', 'hidden')": 'The dbt source "raw.hidden" is disabled: set enabled to true in dbt, or name another '
    "source.",
    "source('raw', 'exported')": 'The dbt source "raw.exported" is a file (external_location): name a model of it.',
}


@pytest.fixture
def queried(tmp_path: Path) -> Beside:
    return beside_recorded(tmp_path / "sends", query="orders")


def compiled(made: Beside) -> str:
    return current_job(load_project(made.directory, {}), "orders").sql


def refusal(made: Beside) -> dict[str, Any]:
    outcome = inside("validate", "orders", "--json", project=made.directory)
    assert outcome.code == 2
    (problem,) = outcome.json["problems"]
    assert isinstance(problem, dict)
    return problem


@pytest.mark.parametrize("expression", RESOLVED)
def test_ref_and_source_are_the_names_of_tables(queried: Beside, expression: str) -> None:
    queried.query(f"SELECT 1 AS one -- below\nFROM {{{{ {expression} }}}} AS t")
    assert compiled(queried) == f"SELECT 1 AS one -- below\nFROM {RESOLVED[expression]} AS t"


@pytest.mark.parametrize("expression", REFUSED)
def test_what_cannot_be_read_is_refused_at_its_line(queried: Beside, expression: str) -> None:
    queried.query(f"SELECT *\nFROM {{{{ {expression} }}}}")
    problem = refusal(queried)
    assert problem["message"] == REFUSED[expression]
    assert problem["file"].endswith("queries/orders.sql")
    assert (problem["line"], problem["rule"]) == (2, "dbt")


@pytest.mark.parametrize(
    "text",
    [
        "{% set orders = ref('fct_orders') %}SELECT * FROM {{ orders }}",
        "{% macro all(name) %}SELECT * FROM {{ ref(name) }}{% endmacro %}{{ all('fct_orders') }}",
        "SELECT * FROM {% if target == 'default' %}{{ ref('fct_orders') }}{% else %}{{ ref('nothing') }}{% endif %}",
        "{% for name in ['fct_orders'] %}SELECT * FROM {{ ref(name) }}{% endfor %}",
    ],
)
def test_ref_can_stand_wherever_jinja_takes_a_value(queried: Beside, text: str) -> None:
    queried.query(text)
    assert compiled(queried) == 'SELECT * FROM "shop"."marts"."fct_orders"'


@pytest.mark.parametrize("text", ["'{{ ref(\"fct_orders\") }}'", "\"{{ ref('fct_orders') }}\""])
def test_a_table_within_quotation_marks_is_refused(queried: Beside, text: str) -> None:
    queried.query(f"SELECT {text} AS email")
    assert "inside quotation marks" in refusal(queried)["message"]


MODELS = {
    "fct_orders": '"shop"."marts"."fct_orders"',
    "shop.fct_orders": '"shop"."marts"."fct_orders"',
    "tools.shops": '"shop"."marts_tools"."shops"',
    "dim_customers": '"shop"."marts"."dim_customers_v2"',
    "dim_customers.v1": '"shop"."marts"."dim_customers_v1"',
    "shop.dim_customers.v1": '"shop"."marts"."dim_customers_v1"',
    "orders_history": '"shop"."marts"."orders_history"',
}


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_read_whole(tmp_path: Path, model: str) -> None:
    made = beside_recorded(tmp_path / "sends", model=model)
    assert compiled(made) == f"SELECT * FROM {MODELS[model]}"


@pytest.mark.parametrize(
    ("model", "sentence"),
    {
        "fct_order": 'There is no dbt model "fct_order" in the manifest. Did you mean "fct_orders"?',
        "stg_orders": 'The dbt model "stg_orders" is ephemeral',
        "dim_customers.v9": "the versions are 1, 2.",
        "ref('fct_orders')": "write `model: fct_orders`",
        "models/marts/fct_orders.sql": "write `model: fct_orders`",
        "fct orders": "must be the name of a dbt model",
    }.items(),
)
def test_a_model_that_cannot_be_read_is_refused_where_it_is_named(tmp_path: Path, model: str, sentence: str) -> None:
    problem = refusal(beside_recorded(tmp_path / "sends", model=model))
    assert sentence in problem["message"]
    assert problem["file"].endswith("orchestrations.yaml")
    assert problem["line"]


def test_a_model_is_sent(tmp_path: Path) -> None:
    made = beside_recorded(tmp_path / "sends")
    assert inside("run", "orders", project=made.directory).code == 0
    (problem,) = inside("validate", "orders", "--connect", "--json", project=made.directory).json["orchestrations"]
    assert {row["parameter"] for row in problem["parameters"]} >= {"email", "value", "order_id"}


def test_a_model_without_its_table_is_named_with_the_line_of_the_file(tmp_path: Path) -> None:
    made = beside_recorded(tmp_path / "sends")
    nodes = json.loads(made.manifest.read_text())["nodes"]
    node = nodes["model.shop.fct_orders"] | {"alias": "gone", "relation_name": '"shop"."marts"."gone"'}
    made.change_manifest(nodes={"model.shop.fct_orders": node})
    outcome = inside("validate", "orders", "--connect", "--json", project=made.directory)
    (problem,) = outcome.json["problems"]
    assert "gone" in problem["message"]
    assert problem["file"].endswith("orchestrations.yaml")
    assert (outcome.code, problem["rule"]) == (2, "query_failed")


KEYS: dict[str, tuple[dict[str, Any], str]] = {
    "no model, query or file": ({"description": "x"}, "needs query, model or file"),
    "model and query": ({"model": "fct_orders", "query": "q"}, "has both query and model; keep one of them"),
    "model and file": ({"model": "fct_orders", "file": "x.csv"}, "has both model and file; keep one of them"),
    "all three": ({"model": "a", "query": "q", "file": "x.csv"}, "has query and model and file; keep one of them"),
    "a format": ({"model": "fct_orders", "format": "csv"}, "format is only for file, and there is a model"),
    "a dialect": ({"model": "fct_orders", "dialect": "snowflake"}, "dialect is only for query, and there is a model"),
    "no warehouse": ({"model": "fct_orders", "warehouse": None}, "needs warehouse, to read its model from"),
}


@pytest.mark.parametrize("case", KEYS)
def test_keys_that_exclude_each_other_are_refused(tmp_path: Path, case: str) -> None:
    orchestration, sentence = KEYS[case]
    made = beside_recorded(tmp_path / "sends", **orchestration)
    made.query("SELECT 1", "q")
    assert sentence in inside("validate", project=made.directory).stderr


SETTINGS = {
    "no manifest": ({"target": "prod"}, "dbt lacks manifest"),
    "an unknown key": ({"manifest": "target/manifest.json", "targets": "prod"}, 'Did you mean "target"?'),
    "an address": ({"manifest": "s3://bucket/manifest.json"}, "must be the path of a file on this machine"),
    "a folder": ({"manifest": "target"}, "must be the path of dbt's manifest.json"),
    "an age": ({"manifest": "target/manifest.json", "max_age": "a day"}, "must be a number of seconds"),
    "another file": ({"manifest": "target/run_results.json"}, "is the run-results of dbt: name the manifest.json"),
    "no file": ({"manifest": "elsewhere/manifest.json"}, "cannot be read (No such file or directory): run `dbt parse`"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_that_cannot_work_are_refused(tmp_path: Path, case: str) -> None:
    dbt, sentence = SETTINGS[case]
    made = beside_recorded(tmp_path / "sends", dbt=dbt)
    problem = refusal(made)
    assert sentence in problem["message"]
    assert problem["file"].endswith("orchestrations.yaml")
    assert problem["line"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"metadata": 1}', '{"nodes": {}}', "\x00", '{"metadata": {}}'])
def test_a_damaged_manifest_is_refused(tmp_path: Path, text: str) -> None:
    made = beside_recorded(tmp_path / "sends")
    made.manifest.write_text(text)
    problem = refusal(made)
    assert problem["message"].startswith(f"dbt.manifest names {made.manifest}, which is ")
    assert problem["rule"] == "unreadable"


def test_a_manifest_of_another_form_is_refused_with_its_version(tmp_path: Path) -> None:
    made = beside_recorded(tmp_path / "sends")
    made.change_manifest(disabled=[])
    message = refusal(made)["message"]
    assert f"names {made.manifest}, which is a manifest v12 of another form (Expected `object | null`" in message
    assert message.endswith("write it with dbt-core 1.8 or newer.")


def test_the_manifest_is_read_only_if_it_is_used(tmp_path: Path) -> None:
    made = beside_recorded(tmp_path / "sends", query="orders")
    made.query("SELECT * FROM marts.fct_orders")
    made.manifest.write_text("{")
    assert inside("validate", "orders", project=made.directory).code == 0


def test_a_variable_of_its_path_is_needed_only_if_it_is_used(tmp_path: Path) -> None:
    made = beside_recorded(tmp_path / "sends", dbt={"manifest": "{{ env.TARGET }}/manifest.json"}, query="orders")
    made.query("SELECT * FROM marts.fct_orders")
    assert inside("validate", "orders", project=made.directory).code == 0
    made.query("SELECT * FROM {{ ref('fct_orders') }}")
    assert "needs the environment variable TARGET" in refusal(made)["message"]
    made.query("SELECT * FROM {{ ref('fct_orders') }} WHERE {{ parameters.x }} = {{ parameters.y }}")
    outcome = inside("validate", "orders", project=made.directory, environ={"TARGETS": "x"})
    assert outcome.stderr.count("needs the environment variable TARGET") == 1
    made.query("SELECT * FROM {{ ref('fct_orders') }}")
    environ = {"TARGET": "target"}
    assert inside("validate", "orders", project=made.directory, environ=environ).code == 0


def test_without_settings_of_dbt_it_is_said_what_to_write(tmp_path: Path) -> None:
    made = beside_recorded(tmp_path / "sends")
    made.settings.write_text(made.settings.read_text().replace("dbt:\n  manifest: target/manifest.json\n", ""))
    assert "orders.model needs the manifest of dbt: write `dbt: {manifest:" in refusal(made)["message"]
    made.settings.write_text(made.settings.read_text().replace("model: fct_orders", "query: orders"))
    made.query("SELECT * FROM {{ ref('fct_orders') }}")
    assert '"ref" is dbt\'s: write `dbt: {manifest:' in refusal(made)["message"]


QUOTING = [
    ("snowflake", "snowflake://user@account/DB", "DB.marts.fct_orders", ("DB", "marts", "fct_orders")),
    ("snowflake", "snowflake://user@account/DB", 'DB.marts."Orders"', ("DB", "marts", "Orders")),
    ("bigquery", "bigquery://project", "`my-project`.`marts`.`fct_orders`", ("my-project", "marts", "fct_orders")),
    ("databricks", "databricks://host", "`main`.`marts`.`fct_orders`", ("main", "marts", "fct_orders")),
    ("mysql", "mysql://host/marts", "`marts`.`fct_orders`", (None, "marts", "fct_orders")),
    ("spark", "spark://host", "marts.fct_orders", ("mart", "marts", "fct_orders")),
    ("sqlite", "sqlite:///x.db", "fct_orders", ("fct", "fct_orders", "fct_orders")),
    ("clickhouse", "clickhouse://host/marts", "`marts`.`fct_orders`", ("", "marts", "fct_orders")),
    ("postgres", "postgresql://host/shop", '"shop"."marts"."fct_orders"', ("shop", "marts", "fct_orders")),
    ("sqlserver", "mssql://host/shop", '"shop"."marts"."fct_orders"', ("shop", "marts", "fct_orders")),
    ("trino", "trino://host/hive", '"hive"."marts"."fct_orders"', ("hive", "marts", "fct_orders")),
]


@pytest.mark.parametrize(("adapter", "url", "written", "parts"), QUOTING)
def test_names_are_quoted_as_dbt_does_in_the_dialect_of_the_warehouse(
    tmp_path: Path, adapter: str, url: str, written: str, parts: tuple[str | None, str, str]
) -> None:
    from connector.core.dialects import dialect_named
    from connector.queries.dbt_manifest import References, load_manifest

    made = beside_recorded(tmp_path / "sends", url=url)
    database, schema, alias = parts
    node = json.loads(made.manifest.read_text())["nodes"]["model.shop.fct_orders"]
    node |= {"database": database, "schema": schema, "alias": alias, "relation_name": written}
    made.change_manifest(nodes={"model.shop.fct_orders": node}, metadata={"adapter_type": adapter})
    manifest = load_manifest(made.manifest, (made.settings, 1, 1))
    references = References(lambda: manifest, dialect_named(url.partition(":")[0]))
    assert references.select("fct_orders") == f"SELECT * FROM {written}"


@pytest.mark.parametrize(
    ("dialect", "table"),
    [("snowflake", '"shop"."marts"."fct_orders"'), ("bigquery", "`shop`.`marts`.`fct_orders`")],
)
def test_a_query_in_another_dialect_is_translated_with_its_tables(tmp_path: Path, dialect: str, table: str) -> None:
    made = beside_recorded(tmp_path / "sends", query="orders", dialect=dialect)
    made.query("SELECT * FROM {{ ref('fct_orders') }}")
    assert '"shop"."marts"."fct_orders"' in compiled(made)


@pytest.mark.parametrize(
    "url", ["duckdb:///md:shop", "duckdb:///md:other", "duckdb:///:memory:", "duckdb:////data/shop.v2.db"]
)
def test_a_warehouse_that_may_have_the_database_is_not_refused(tmp_path: Path, url: str) -> None:
    made = beside_recorded(tmp_path / "sends", url=url)
    assert inside("validate", "orders", project=made.directory).code == 0


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("duckdb:///other.duckdb", 'the warehouse opens "other"'),
        ("duckdb:////data/shop_dev.duckdb", 'the warehouse opens "shop_dev"'),
        ("postgresql://user@host/other", 'the warehouse opens "other"'),
    ],
)
def test_a_warehouse_that_is_another_database_is_refused(tmp_path: Path, url: str, sentence: str) -> None:
    message = refusal(beside_recorded(tmp_path / "sends", url=url))["message"]
    assert '"fct_orders" of dbt is in the database "shop"' in message
    assert sentence in message


def test_a_model_that_is_another_table_is_another_job(tmp_path: Path) -> None:
    made = beside_recorded(tmp_path / "sends", query="orders")
    made.query("SELECT * FROM {{ ref('fct_orders') }}")
    plan = made.directory / "plan.json"
    assert inside("plan", "orders", "-o", str(plan), project=made.directory).code == 0
    nodes = json.loads(made.manifest.read_text())["nodes"]
    node = nodes["model.shop.fct_orders"] | {"alias": "gone", "relation_name": '"shop"."marts"."gone"'}
    made.change_manifest(nodes={"model.shop.fct_orders": node})
    changed = inside("run", "orders", "--plan", str(plan), project=made.directory)
    assert (changed.code, "The query has changed since the plan was made" in changed.stderr) == (2, True)
    made.change_manifest(nodes=nodes)
    assert inside("run", "orders", "--plan", str(plan), project=made.directory).code == 0


@pytest.mark.parametrize("name", ["ref", "source"])
def test_names_that_two_packages_have_need_the_package(tmp_path: Path, name: str) -> None:
    made = beside_recorded(tmp_path / "sends", query="orders")
    shops = json.loads(made.manifest.read_text())["nodes"]["model.tools.shops"]
    other = shops | {"unique_id": "model.more.shops", "package_name": "more"}
    made.change_manifest(nodes={"model.more.shops": other})
    made.query("SELECT * FROM {{ ref('shops') }}")
    assert 'is in several packages: write ref("more", "shops")' in refusal(made)["message"]
    own = shops | {"unique_id": "model.shop.shops", "package_name": "shop", "relation_name": '"shop"."marts"."shops"'}
    made.change_manifest(nodes={"model.shop.shops": own | {"schema": "marts"}})
    assert compiled(made) == 'SELECT * FROM "shop"."marts"."shops"'


def test_validate_shows_what_dbt_says_about_columns(tmp_path: Path) -> None:
    made = beside_recorded(tmp_path / "sends", query="orders")
    made.query("SELECT o.* FROM {{ ref('fct_orders') }} o JOIN {{ source('raw', 'orders') }} USING (order_id)")
    for options in ((), ("--connect",)):
        outcome = inside("validate", "orders", "--json", *options, project=made.directory)
        model, source = outcome.json["orchestrations"][0]["models"]
        assert (model["name"], model["kind"], model["table"]) == ("fct_orders", "model", '"shop"."marts"."fct_orders"')
        assert model["description"] == "One row for each order"
        email = {"name": "email", "description": "The address that the customer gave", "type": None}
        assert {**email, "parameters": ["email"]} in model["columns"]
        assert source["name"] == "raw.orders"
    lines = inside("validate", "orders", project=made.directory).stdout.splitlines()
    assert 'model fct_orders of dbt, "shop"."marts"."fct_orders": One row for each order' in lines
    assert "  timestamp  timestamp  When it was paid" in lines
    assert 'source raw.orders of dbt, "shop"."landing"."orders_2026": Orders as they arrive' in lines
