"""Audiences as their users type them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.simulator.server import Simulator
from tests.audiences.shop import NAME, Shop, members, wanted
from tests.audiences.test_mirror import person
from tests.cli.command import inside

PEOPLE = [person(number) for number in range(1, 40)]


@pytest.fixture
def run_once(shop: Shop) -> Shop:
    shop.people(PEOPLE)
    outcome = inside("run", NAME, "--yes", "--json", project=shop.directory)
    assert outcome.code == 0, outcome
    assert outcome.json["members"] == {"added": len(wanted(PEOPLE)), "removed": 0, "unchanged": 0, "sent_again": 0}
    return shop


def test_a_run_is_told_and_listed(run_once: Shop, tiktok: Simulator) -> None:
    assert members(tiktok) == wanted(PEOPLE)
    listed = inside("audiences", "--json", project=run_once.directory).json["audiences"]
    assert [one["name"] for one in listed] == ["VIP"]
    assert listed[0]["members"]["total"] == len(wanted(PEOPLE))
    shown = inside("audiences", "show", "VIP", project=run_once.directory)
    assert shown.code == 0
    assert "size at TikTok" in shown.stdout
    text = inside("run", NAME, project=run_once.directory)
    assert "already_member" in text.stdout
    assert "identifiers of the audience" in text.stdout


def test_no_file_and_no_output_holds_anybody(run_once: Shop) -> None:
    said = inside("preview", NAME, project=run_once.directory).stdout
    said += inside("rejects", run_id_of(run_once), project=run_once.directory).stdout
    for path in (run_once.directory / ".connector").rglob("*"):
        if path.is_file():
            said += path.read_bytes().decode("latin-1")
    assert "example.com" not in said
    assert "+1201555" not in said


def run_id_of(shop: Shop) -> str:
    runs: list[dict[str, Any]] = inside("runs", "--json", project=shop.directory).json["runs"]
    return str(runs[0]["run_id"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("audiences", "show", "VIPs"), 'Did you mean "VIP"'),
        (("run", NAME, "--test-event-code", "TEST1"), "no test mode"),
        (("usage-report", "--month", "2026-13"), "Invalid month"),
    ],
)
def test_wrong_input_gets_one_sentence(run_once: Shop, arguments: tuple[str, ...], said: str) -> None:
    outcome = inside(*arguments, project=run_once.directory)
    assert outcome.code == 2
    assert said in outcome.sentence


def test_without_a_terminal_nobody_agrees(shop: Shop) -> None:
    shop.people(PEOPLE)
    outcome = inside("run", NAME, project=shop.directory)
    assert outcome.code == 2
    assert "--yes" in outcome.stderr


def test_an_audience_is_not_retried(run_once: Shop) -> None:
    outcome = inside("retry", run_id_of(run_once), project=run_once.directory)
    assert outcome.code == 2
    assert "compares it with its query again" in outcome.sentence


def test_the_shipped_example_keeps_an_audience(tmp_path: Path) -> None:
    inside("init", str(tmp_path / "demo"), project=tmp_path)
    outcome = inside("run", "vip_customers", "--json", project=tmp_path / "demo")
    assert outcome.code == 0, outcome
    assert outcome.json["members"]["added"] > 1_000


def test_a_rejected_person_is_listed_without_a_trace(shop: Shop) -> None:
    shop.people([*PEOPLE, {"email": "not an address"}])
    assert inside("run", NAME, "--yes", project=shop.directory).code == 0
    listed = inside("rejects", run_id_of(shop), "--format", "json", project=shop.directory).stdout
    assert "invalid_identity" in listed
    assert "not an address" not in listed


@pytest.mark.parametrize(
    "command", [("validate", NAME, "--connect"), ("preview", NAME), ("plan", NAME), ("run", NAME, "--yes")]
)
def test_columns_that_a_template_without_extends_drops(shop: Shop, command: tuple[str, ...]) -> None:
    shop.people([{"email": "jo@example.com", "phone": "+12133734253"}])
    (shop.directory / "templates").mkdir()
    (shop.directory / "templates" / "people.yaml").write_text("parameters: {email: email}")
    settings = yaml.safe_load((shop.directory / "orchestrations.yaml").read_text())
    settings["orchestrations"][NAME]["template"] = "people"
    (shop.directory / "orchestrations.yaml").write_text(yaml.safe_dump(settings))
    done = inside(*command, project=shop.directory)
    assert done.code == 0
    sentence = "templates/people.yaml: no parameter takes phone, idfa, aaid from the result: map them, or write "
    assert done.stderr.count(f"{sentence}`extends: tiktok_audience`") == 1
