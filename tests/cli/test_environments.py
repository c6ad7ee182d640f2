"""From a few test events in a sandbox to production, each output naming its target."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import Outcome, checked, inside
from tests.cli.people import everything_below
from tests.cli.shop import NAME, SOURCE_ID, Shop, shop
from tests.cli.tiktok import TikTok, serving

SANDBOX_TOKEN, PRODUCTION_TOKEN = "token-of-the-sandbox", "token-of-production"
QUERY = """
    SELECT 'e' || (n % 4) AS event_id, now()::DATE - 1 AS timestamp, n % 4 || '@example.com' AS email,
        'p' || n AS content_id, 1.5 AS value
    FROM range(20) AS t (n) ORDER BY n
"""
"""Four orders of five line items each, that lie all over the result."""


@pytest.fixture(scope="module")
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


@pytest.fixture
def made(tmp_path: Path, tiktok: TikTok) -> Shop:
    made = shop(tmp_path / "shop", tiktok.url, QUERY)
    settings = yaml.safe_load(made.settings.read_text())
    tried = {
        "orchestrations": {NAME: {"limit": 2, "test_event_code": "TEST9"}},
        "credentials": {"tiktok": {"access_token": SANDBOX_TOKEN}},
        "destinations": {"stores": {"max_in_flight": 8}},
    }
    real = {
        "credentials": {"tiktok": {"access_token": PRODUCTION_TOKEN, "description": "{{ env.WHOSE }}"}},
        "destinations": {"stores": {"default_region": "US", "event_source_id": "99"}},
        "retention_days": 60,
    }
    settings |= {"target": "sandbox", "targets": {"sandbox": tried, "production": real}}
    made.settings.write_text(yaml.safe_dump(settings))
    return made


def typed(made: Shop, *args: str, **environ: str) -> Outcome:
    return inside(*args, project=made.directory, environ={"WHOSE": "ours", **environ})


def test_promote_shows_what_differs_and_no_secret(made: Shop, tiktok: TikTok) -> None:
    before, sent = made.settings.read_text(), len(tiktok.requests)
    outcome = typed(made, "promote", NAME)
    rows = [line.split("  ") for line in outcome.stdout.splitlines()]
    cells = {row[0]: [cell.strip() for cell in row[1:] if cell.strip()] for row in rows}
    assert outcome.code == 0
    assert cells["setting"] == ["sandbox", "production"]
    assert cells["orchestration.limit"] == ["2", "not set"]
    assert cells["orchestration.test_event_code"] == ["TEST9", "not set"]
    assert cells["destination.event_source_id"] == [SOURCE_ID, "99"]
    assert cells["destination.max_in_flight"] == ["8", "2"]
    assert cells["credential.access_token"] == ["differs (secret)", "differs (secret)"]
    assert cells["credential.description"] == ["not set", "{{ env.WHOSE }}"]
    assert cells["retention_days"] == ["30 (default)", "60"]
    assert "destination.default_region" not in cells
    assert (cells["rows read"], cells["events"]) == (["2", "20"], ["2", "4"])
    assert outcome.stderr.endswith(f"To run it: connector run {NAME} --target production\n")
    assert not any(token in outcome.stdout + outcome.stderr for token in (SANDBOX_TOKEN, PRODUCTION_TOKEN))
    assert (made.settings.read_text(), len(tiktok.requests)) == (before, sent)
    assert typed(made, "runs", "--json").json == {"runs": []}


def test_promote_tells_what_is_wrong_under_either_target(made: Shop) -> None:
    outcome = inside("promote", NAME, "--json", project=made.directory)
    assert outcome.code == 2
    assert (outcome.json["from"]["problems"], outcome.json["from"]["plan"]["events"]) == ([], 2)
    assert "WHOSE, which is not set" in outcome.json["to"]["problems"][0]
    assert outcome.json["to"]["plan"] is None
    assert outcome.json["command"] == f"connector run {NAME} --target production"
    back = inside("promote", NAME, "--from", "production", "--to", "sandbox", project=made.directory)
    assert back.code == 0
    assert back.stderr.startswith("production: ")


WRONG = {
    ("promote", "purchase"): 'Did you mean "purchases"?',
    ("promote", NAME, "--to", "prodution"): 'Did you mean "production"?',
    ("promote", NAME, "--to", "sandbox"): "both",
}


@pytest.mark.parametrize("args", WRONG, ids=" ".join)
def test_promote_refuses_what_it_cannot_compare(made: Shop, args: tuple[str, ...]) -> None:
    outcome = typed(made, *args)
    assert (outcome.code, outcome.stdout) == (2, "")
    assert WRONG[args] in outcome.sentence


def test_promote_as_a_process(made: Shop) -> None:
    made.query.write_text("SELECT nothing FROM nowhere")
    outcome = inside("promote", NAME, project=made.directory, environ={"WHOSE": "ours"})
    assert outcome.code == 1
    assert "Under the target production it cannot run yet." in outcome.stderr


def test_a_test_run_says_where_to_look_and_that_it_counts_nowhere(made: Shop) -> None:
    told = typed(made, "run", NAME).stdout
    assert "These were test events, which count nowhere." in told
    assert "under Test Events, where the code is TEST9." in told
    assert "test events" not in typed(made, "run", NAME, "--target", "production").stdout


NAMING = ["validate", "compile", "preview", "plan", "run"]


@pytest.mark.parametrize("command", NAMING)
def test_every_output_names_its_target(made: Shop, command: str) -> None:
    outcome = typed(made, command, NAME, "--target", "production")
    assert outcome.code == 0
    assert "target production" in outcome.stdout + outcome.stderr
    assert typed(made, command, NAME, "--target", "production", "--json").json["target"] == "production"


def test_what_tells_of_runs_names_their_targets(made: Shop, tmp_path: Path) -> None:
    run_id = typed(made, "run", NAME, "--json").json["run_id"]
    listed, audit = typed(made, "runs", "--json").json["runs"], typed(made, "runs", "audit", "--json").json["audit"]
    assert {line["target"] for line in (*listed, *audit)} == {"sandbox"}
    for args in (["runs"], ["runs", "show", run_id], ["runs", "audit"], ["rejects", run_id, "-o", str(tmp_path / "r")]):
        told = typed(made, *args)
        assert "sandbox" in told.stdout + told.stderr


def orders(tiktok: TikTok, before: int) -> dict[str, list[str]]:
    """The line items of each event sent since."""
    sent = tiktok.events[before:]
    return {event["event_id"]: [item["content_id"] for item in event["properties"]["contents"]] for event in sent}


def test_with_a_limit_events_are_sent_whole_and_never_again(made: Shop, tiktok: TikTok) -> None:
    whole = {f"e{n}": [f"p{n + 4 * place}" for place in range(5)] for n in range(4)}

    def run(*args: str) -> tuple[dict[str, Any], dict[str, list[str]]]:
        before = len(tiktok.events)
        record = checked(typed(made, "run", NAME, "--target", "production", "--json", *args).json)
        return record, orders(tiktok, before)

    record, sent = run("--limit", "2")
    assert (record["rows"]["read"], sent) == (10, {"e0": whole["e0"], "e1": whole["e1"]})
    record, sent = run()
    assert (record["skips"], sent) == ({"already_delivered": 10}, {"e2": whole["e2"], "e3": whole["e3"]})
    record, sent = run("--limit", "6", "--test-event-code", "TEST1")
    assert (record["rows"]["read"], sent["e0"], sent["e3"]) == (6, ["p0", "p4"], ["p3"])
    assert SANDBOX_TOKEN not in everything_below(made.state)
