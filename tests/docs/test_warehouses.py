"""The page on warehouses names those that can be read, their settings, and entries that can stand as they are."""

from pathlib import Path

import yaml

from connector.config.project import load_project
from connector.queries.transpile import transpile_query
from connector.sources.registry import BUILT_IN
from connector.sources.source_types import SQLALCHEMY_TYPES
from tests.docs.markdown import WAREHOUSES, blocks, first_column

ENVIRONMENT = (
    "SNOWFLAKE_USER SNOWFLAKE_ACCOUNT SNOWFLAKE_KEY SNOWFLAKE_PASSPHRASE ORDERS_PASSWORD SHOP_PASSWORD ERP_PASSWORD "
    "BIGQUERY_KEY EVENTS_PASSWORD TRINO_PASSWORD DATABRICKS_TOKEN MOTHERDUCK_TOKEN"
).split()


def examples() -> list[dict[str, dict[str, dict[str, str]]]]:
    return [yaml.safe_load("\n".join(block.lines)) for block in blocks(WAREHOUSES) if block.language == "yaml"]


def test_the_page_lists_the_kinds_of_warehouses() -> None:
    assert first_column(WAREHOUSES, "URL begins with") == [f"{name}://" for name in (*BUILT_IN, *SQLALCHEMY_TYPES)]


def test_the_examples_of_warehouses_are_read_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "key.pem").touch()
    (tmp_path / "orchestrations.yaml").write_text(yaml.safe_dump({"version": 1, **examples()[0]}))
    project = load_project(tmp_path, dict.fromkeys(ENVIRONMENT, "key.pem"))
    dialects = {project.warehouse(name).dialect for name in project.warehouses}
    assert dialects == {"snowflake", "postgresql", "sqlite", "mysql", "mssql"}


def test_every_example_of_a_warehouse_is_read_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "key.pem").touch()
    for example in examples()[1:-1]:
        (tmp_path / "orchestrations.yaml").write_text(yaml.safe_dump({"version": 1, **example}))
        project = load_project(tmp_path, dict.fromkeys(ENVIRONMENT, "key.pem"))
        assert all(project.warehouse(name).url for name in project.warehouses)


def test_the_example_of_external_access_is_read_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "orchestrations.yaml").write_text(yaml.safe_dump({"version": 1, **examples()[1]}))
    access = load_project(tmp_path, {}).warehouse("lake").external_access
    assert (access.folders, access.hosts) == (("/data/lake", "../exports"), ("files.example.com", "s3://marketing"))


def test_the_example_of_a_dialect_names_one_that_is_known() -> None:
    (orchestration,) = examples()[-1]["orchestrations"].values()
    assert transpile_query("SELECT 1", written_for=orchestration["dialect"], runs_on="duckdb", file=WAREHOUSES)
