"""Orchestrations as exposures of dbt."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import inside
from tests.dbt.project import Beside, beside_recorded


def exposed(made: Beside, *options: str) -> list[dict[str, Any]]:
    outcome = inside("dbt", "exposures", *options, project=made.directory)
    assert outcome.code == 0, outcome.stderr
    written = yaml.safe_load(outcome.stdout)
    assert written["version"] == 2
    exposures: list[dict[str, Any]] = written["exposures"]
    return exposures


def test_models_and_sources_are_what_an_exposure_depends_on(tmp_path: Path) -> None:
    made = beside_recorded(tmp_path / "sends", query="orders", description="All orders")
    made.query(
        "SELECT * FROM {{ ref('fct_orders') }}, {{ ref('shops') }}, {{ ref('dim_customers', v=1) }}, "
        "{{ ref('orders_history') }}, {{ source('raw', 'orders') }}, {{ ref('fct_orders') }}"
    )
    assert exposed(made) == [
        {
            "name": "orders",
            "type": "application",
            "description": "All orders. Sent by connector to stores (tiktok_events).",
            "owner": {"name": "connector"},
            "depends_on": [
                "ref('fct_orders')",
                "ref('tools', 'shops')",
                "ref('dim_customers', v=1)",
                "ref('orders_history')",
                "source('raw', 'orders')",
            ],
        }
    ]


def test_names_are_those_that_dbt_accepts_each_once(tmp_path: Path) -> None:
    made = beside_recorded(tmp_path / "sends")
    settings = yaml.safe_load(made.settings.read_text())
    orders = settings["orchestrations"].pop("orders")
    settings["orchestrations"] = dict.fromkeys(("a-b", "a_b", "a b", "größe", "plain"), orders)
    settings["orchestrations"]["other"] = {**orders, "query": "other", "model": None}
    settings["orchestrations"]["plain"] = {**orders, "description": 'Some "quoted": # text'}
    made.settings.write_text(yaml.safe_dump(settings, sort_keys=False))
    made.query("SELECT * FROM marts.fct_orders", "other")
    exposures = exposed(made, "--owner", "ads@example.com")
    assert [one["name"] for one in exposures] == ["a_b", "a_b_2", "a_b_3", "gr__e", "plain"]
    assert [one.get("label") for one in exposures] == ["a-b", "a_b", "a b", "größe", None]
    assert exposures[0]["owner"] == {"email": "ads@example.com"}
    assert exposures[-1]["description"].startswith('Some "quoted": # text. Sent by')
    outcome = inside("dbt", "exposures", project=made.directory)
    assert "Without a dbt model or source: other." in outcome.stderr


def test_a_file_is_written_and_not_overwritten(tmp_path: Path) -> None:
    made = beside_recorded(tmp_path / "sends")
    file = tmp_path / "exposures.yml"
    assert inside("dbt", "exposures", "orders", "-o", str(file), project=made.directory).code == 0
    assert yaml.safe_load(file.read_text())["exposures"][0]["name"] == "orders"
    outcome = inside("dbt", "exposures", "-o", str(file), project=made.directory)
    assert (outcome.code, "overwrite it with --force" in outcome.stderr) == (2, True)


@pytest.mark.parametrize("kind", ["no dbt", "no models", "no such orchestration"])
def test_without_models_there_is_nothing_to_expose(tmp_path: Path, kind: str) -> None:
    made = beside_recorded(tmp_path / "sends", query="orders")
    made.query("SELECT * FROM marts.fct_orders")
    if kind == "no dbt":
        settings = yaml.safe_load(made.settings.read_text())
        del settings["dbt"]
        made.settings.write_text(yaml.safe_dump(settings))
    sentence = {
        "no dbt": "The project has no dbt: write `dbt: {manifest:",
        "no models": "No orchestration names a dbt model or source",
        "no such orchestration": 'There is no orchestration "order". Did you mean "orders"?',
    }[kind]
    options = ("order",) if kind == "no such orchestration" else ()
    outcome = inside("dbt", "exposures", *options, project=made.directory)
    assert (outcome.code, sentence in outcome.stderr) == (2, True)


def test_no_variable_has_to_be_set(tmp_path: Path) -> None:
    made = beside_recorded(tmp_path / "sends")
    made.settings.write_text(made.settings.read_text().replace("access_token: token", 'access_token: "{{ env.NO }}"'))
    assert len(exposed(made)) == 1
