"""The shipped orchestrations.yaml: every name in it leads somewhere, and trying it out needs no account."""

from typing import Any

import pytest
import yaml

from connector.example.example_project import example_files
from connector.transform.template import load_template
from tests.example.project import ROOT

SETTINGS: dict[str, Any] = yaml.safe_load((ROOT / "orchestrations.yaml").read_text("utf-8"))
TEMPLATES = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in (ROOT / "templates").glob("*.yaml")}
ORCHESTRATIONS: dict[str, Any] = SETTINGS["orchestrations"]
DESTINATIONS: dict[str, Any] = SETTINGS["destinations"]


@pytest.mark.parametrize("name", ORCHESTRATIONS)
def test_what_an_orchestration_names_is_there(name: str) -> None:
    orchestration = ORCHESTRATIONS[name]
    if "file" in orchestration:
        assert orchestration["file"] in example_files()
    else:
        assert (ROOT / "queries" / f"{orchestration['query']}.sql").is_file()
        assert orchestration["warehouse"] in SETTINGS["warehouses"]
    assert orchestration["destination"] in DESTINATIONS
    assert orchestration.get("template", "tiktok_events") in TEMPLATES


@pytest.mark.parametrize("name", [name for name, one in ORCHESTRATIONS.items() if "query" in one])
def test_a_query_is_given_the_parameters_it_uses(name: str) -> None:
    sql = (ROOT / "queries" / f"{ORCHESTRATIONS[name]['query']}.sql").read_text("utf-8")
    used = {part.split(" }}")[0] for part in sql.split("{{ parameters.")[1:]}
    assert used == set(ORCHESTRATIONS[name]["parameters"])


def test_locally_everything_goes_to_the_simulator_and_no_variable_is_needed() -> None:
    local = SETTINGS["targets"][SETTINGS["target"]]
    assert local["destinations"] == {name: {"api_url": "simulator"} for name in DESTINATIONS}
    assert "{{" not in str(local["credentials"])
    assert set(local["credentials"]) == set(SETTINGS["credentials"])


def test_the_sandbox_limits_and_marks_every_orchestration() -> None:
    sandbox = SETTINGS["targets"]["sandbox"]["orchestrations"]
    assert set(sandbox) == set(ORCHESTRATIONS)
    events = {name for name, each in ORCHESTRATIONS.items() if each["destination"] != "vip_audience"}
    assert all(each["limit"] == 10 for each in sandbox.values())
    assert {name for name, each in sandbox.items() if "test_event_code" in each} == events


def test_ids_are_text_of_the_length_that_tiktok_uses() -> None:
    for destination in DESTINATIONS.values():
        if destination["type"] == "tiktok_audience":
            assert [len(one) for one in destination["advertiser_ids"]] == [19]
            continue
        assert destination["advertiser_id"].isdigit()
        assert len(destination["advertiser_id"]) == 19
        expected = 19 if destination["event_source"] == "offline" else 20
        assert len(destination["event_source_id"]) == expected


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_extends_one_that_is_there(name: str) -> None:
    assert TEMPLATES[name].get("extends", "tiktok_events") in TEMPLATES


def test_the_web_template_maps_columns_that_the_web_query_gives() -> None:
    sql = (ROOT / "queries" / "web_purchases.sql").read_text("utf-8")
    given = {line.split("wo.")[1].split()[0] for line in sql.splitlines() if line.strip(" ,").startswith("wo.")}
    mapped = [each for each in TEMPLATES["web_events"]["parameters"].values() if not isinstance(each, dict)]
    assert {column for each in mapped for column in ([each] if isinstance(each, str) else each)} <= given


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_shipped_template_loads_and_keeps_the_identity_mapping(name: str) -> None:
    template = load_template(name, ROOT / "templates", lambda text, _file, _line: text)
    assert template.identity
    assert set(template.sources) == set(TEMPLATES[name]["parameters"])
