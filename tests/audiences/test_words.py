"""A run of an audience tells of people, rows and identifiers, and never of events."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.cli.progress import LineObserver
from connector.simulator.faults import Fault
from connector.simulator.server import Simulator
from tests.audiences.shop import NAME, Shop, open_shop
from tests.audiences.test_accounts import change
from tests.audiences.test_mirror import MAPPING, person
from tests.cli.command import ended, inside, started
from tests.notifications.service import listening

EVENTS = re.compile(r"\bevents?\b(?! stream)|event.source", re.IGNORECASE)
PEOPLE = [*(person(number) for number in range(1, 60)), {"email": "nobody"}, {}]


def words(*texts: str) -> None:
    """Nothing of events is in what was printed."""
    for text in texts:
        lines = [line for line in text.splitlines() if EVENTS.search(line)]
        assert lines == []


def ran(shop: Shop, *arguments: str, code: int = 0) -> str:
    """What a command prints."""
    outcome = inside(*arguments, project=shop.directory)
    assert outcome.code == code, outcome
    return outcome.stdout + outcome.stderr


@pytest.mark.parametrize(
    "where", [pytest.param("the simulator within the run", marks=pytest.mark.thorough), "a simulator"]
)
def test_whatever_a_run_prints(shop: Shop, tiktok: Simulator, where: str) -> None:
    if "within" in where:
        change(shop, api_url="simulator")
    shop.people(PEOPLE)
    words(ran(shop, "plan", NAME), ran(shop, "preview", NAME))
    process = ended(started("run", NAME, "--yes", project=shop.directory))
    assert process.code == 0, process
    run = process.stdout + process.stderr
    assert re.search(r"staged \d+ identifiers for 1 request", run)
    assert "within" not in where or re.search(r"refused 0; its audiences hold \d+ identifiers\.", run)
    shop.people(PEOPLE[5:])
    words(run, ran(shop, "run", NAME), ran(shop, "runs"), ran(shop, "audiences"))
    run_id = inside("runs", "--json", project=shop.directory).json["runs"][0]["run_id"]
    shown = ran(shop, "runs", "show", run_id, "--requests")
    assert "first person" in shown
    words(shown, ran(shop, "rejects", run_id))
    page = shop.directory / "report.html"
    words(ran(shop, "report", run_id, "-o", str(page)))
    body = re.sub(r"<style>.*?</style>", "", page.read_text(), flags=re.DOTALL)
    words(re.sub(r"<[^>]*>", " ", body))
    assert "taken, step by step" not in body or "People and identifiers taken" in body


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault("code", path=MAPPING, code=code) for code in (40001, 40003, 40007, 40008, 40014, 40105, 40118, 40130)),
        Fault("code", path=MAPPING, code=40002, message="Invalid value."),
        Fault("error", path=MAPPING),
        Fault("lost", path=MAPPING),
    ],
    ids=lambda fault: f"{fault.kind} {fault.code or ''}",
)
def test_whatever_stops_a_run_and_resumes_it(tmp_path: Path, tiktok: Simulator, fault: Fault) -> None:
    brief = {"first_wait": 0, "longest_wait": 0.01, "timeout": 0.3, "max_attempts": 2, "max_minutes": 0.01}
    shop = open_shop(tmp_path / "shop", tiktok.url, retry=brief, rows_per_request=20)
    shop.people(PEOPLE)
    with listening() as service:
        file = shop.directory / "orchestrations.yaml"
        settings: dict[str, Any] = yaml.safe_load(file.read_text())
        settings["notifications"] = {"team": service.url}
        settings["orchestrations"][NAME]["notify"] = "team"
        file.write_text(yaml.safe_dump(settings))
        tiktok.world.faults.add([fault])
        stopped = inside("run", NAME, "--yes", project=shop.directory)
        tiktok.world.faults.clear()
        words(stopped.stdout, stopped.stderr, *(f"{body['title']}\n{body['message']}" for body in service.told()))
        assert service.told()
    assert stopped.code != 0
    resumed = inside("resume", project=shop.directory)
    words(resumed.stdout, resumed.stderr)


def test_what_is_said_from_time_to_time(capsys: pytest.CaptureFixture[str]) -> None:
    lines = LineObserver()
    lines.staged(1200, 3, "identifier")
    lines.acknowledged(400, "identifier")
    assert capsys.readouterr().err.splitlines() == [
        "staged 1,200 identifiers for 3 requests", "sent 400 of 1,200 identifiers"
    ]  # fmt: skip


# Files --------------------------------------------------------------------------------------------------------


def with_file(shop: Shop, text: str) -> Path:
    """Reads a delimited file in place of the query."""
    file = shop.directory / "orchestrations.yaml"
    settings = yaml.safe_load(file.read_text())
    settings["orchestrations"][NAME] = {"file": "people.csv", "destination": "audience"}
    file.write_text(yaml.safe_dump(settings))
    people = shop.directory / "people.csv"
    people.write_text(text)
    return people


def test_an_unchanged_file_is_told_and_compared_again(shop: Shop, tiktok: Simulator) -> None:
    people = with_file(shop, "email\none@example.com\ntwo@example.com\n")
    first = shop.run()
    assert "was sent before" not in shop.notes
    planned = inside("plan", NAME, project=shop.directory)
    said = f"people.csv was sent before, by run {first.run_id}, and has not changed"
    assert said in planned.stderr
    second = shop.run()
    assert said in shop.notes
    assert (second.rows.read, second.skips) == (2, {"already_member": 2})
    assert sum(len(some) for one in tiktok.world.audiences.values() for some in one.members.values()) == 2
    before = shop.notes.count("was sent before")
    people.write_text("email\none@example.com\nthree@example.com\n")
    shop.run()
    assert shop.notes.count("was sent before") == before
    words(planned.stdout, planned.stderr, shop.notes)
