"""`connector run A B C`, `run --tag` and `run --dry-run`."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.command import checked, ended, inside, started
from tests.cli.shop import GOOD, Shop, shop
from tests.cli.tiktok import Reply, serving

RANK = (0, 3, 2, 1, 130)


def several(directory: Path, api_url: str = "simulator") -> Shop:
    """Orchestrations that end with each exit code; each sends events of its own."""
    made = shop(directory, api_url, GOOD.format(rows=3))
    settings = yaml.safe_load(made.settings.read_text())
    events = settings["destinations"]["stores"]
    settings["destinations"]["refused"] = {**events, "credential": "unset"}
    settings["credentials"]["unset"] = {"access_token": "{{ env.NOT_SET_ANYWHERE }}"}
    settings["destinations"]["refused"]["api_url"] = "http://127.0.0.1:9"
    bound = {"warehouse": "own", "destination": "stores"}
    settings["orchestrations"] = {
        "first": {**bound, "query": "first", "tags": ["good", "all"]},
        "fails": {**bound, "query": "fails", "tags": "all"},
        "nothing": {**bound, "query": "nothing", "min_rows": 100, "tags": ["all"]},
        "unset": {**bound, "query": "unset", "destination": "refused"},
        "second": {**bound, "query": "second", "tags": ["good", "all"]},
    }
    for name in settings["orchestrations"]:
        query = made.query.with_name(f"{name}.sql")
        query.write_text(GOOD.format(rows=3).replace("'e'", f"'{name}'"))
    made.query.with_name("fails.sql").write_text("SELECT missing_function_of_nobody(1) AS event_id")
    made.settings.write_text(yaml.safe_dump(settings, sort_keys=False))
    return made


def names(printed: dict[str, Any]) -> list[str]:
    """The orchestrations of a JSON object, in its order."""
    return [entry["orchestration"] for entry in printed["runs"]]


@pytest.fixture
def made(tmp_path: Path) -> Shop:
    return several(tmp_path / "several")


@pytest.mark.parametrize(
    ("typed", "selected"),
    [
        (("second", "first"), ["second", "first"]),
        (("first", "second", "first"), ["first", "second"]),
        (("--tag", "good"), ["first", "second"]),
        (("second", "--tag", "good"), ["second", "first"]),
        (("first", "--tag", "all", "--tag", "good", "--limit", "2"), ["first", "fails", "nothing", "second"]),
    ],
)
def test_names_come_first_and_tags_in_the_order_of_the_file(
    typed: tuple[str, ...], selected: list[str], made: Shop
) -> None:
    """Each once."""
    assert names(inside("run", *typed, "--json", project=made.directory).json) == selected


@pytest.mark.parametrize(
    ("typed", "codes"),
    [
        (("first", "second"), [0, 0]),
        (("nothing", "first"), [3, 0]),
        (("first", "unset", "nothing"), [0, 2, 3]),
        (("unset", "fails", "nothing", "second"), [2, 1, 3, 0]),
    ],
)
def test_one_that_fails_does_not_stop_the_next_and_the_worst_exit_code_counts(
    typed: tuple[str, ...], codes: list[int], made: Shop
) -> None:
    """As text and as JSON, whose records are those of single runs."""
    text = inside("run", *typed, project=made.directory)
    failed = [name for name, code in zip(typed, codes, strict=True) if code]
    assert text.code == max(codes, key=RANK.index)
    assert text.stderr.splitlines()[-1].startswith(f"{codes.count(0)} of {len(codes)} runs completed")
    assert all(f"{name} (exit code " in text.stderr for name in failed)
    outcome = inside("run", *typed, "--json", project=made.directory)
    assert outcome.code == text.code == outcome.json["exit_code"]
    for entry, code in zip(outcome.json["runs"], codes, strict=True):
        assert (entry["error"] is None) == (code == 0)
        if entry["run_id"]:
            checked(entry)


def test_a_tag_prints_a_list_also_of_one(made: Shop) -> None:
    """The shape of the output depends on the command alone."""
    file = made.settings
    file.write_text(file.read_text().replace("tags: all", "tags: alone"))
    assert names(inside("run", "--tag", "alone", "--json", project=made.directory).json) == ["fails"]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (
            (),
            "Name the orchestrations to run (`connector run NAME`), or select them with --tag. "
            "The names are first, fails, nothing, unset, second.",
        ),
        (("--tag", "goood"), 'No orchestration has the tag "goood". Did you mean "good"?'),
        (("--tag", "zzz"), 'No orchestration has the tag "zzz". The tags are good, all.'),
        (
            ("first", "second", "--plan", "p.json"),
            "--plan holds one run to its plan: name one orchestration, without --tag.",
        ),
        (
            ("first", "--dry-run", "--plan", "p.json"),
            "--plan and --dry-run exclude each other: --dry-run sends nothing.",
        ),
    ],
)
def test_wrong_usage_ends_before_anything_runs(typed: tuple[str, ...], sentence: str, made: Shop) -> None:
    """With exit code 2 and one sentence."""
    outcome = inside("run", *typed, project=made.directory)
    assert (outcome.code, outcome.sentence) == (2, sentence)
    assert not made.state.exists()


def test_all_names_are_checked_before_the_first_runs(made: Shop) -> None:
    """Every wrong one is named."""
    outcome = inside("run", "first", "frist", "secnd", project=made.directory)
    assert outcome.code == 2
    assert ['"frist"' in line or '"secnd"' in line for line in outcome.stderr.splitlines()] == [True, True]
    assert not made.state.exists()


@pytest.mark.parametrize("options", [(), ("--limit", "2"), ("--test-event-code", "T1"), ("--limit", "1", "--yes")])
def test_a_dry_run_is_the_plan(options: tuple[str, ...], made: Shop) -> None:
    """It sends nothing, and the run with the same options sends what it says."""
    plan = inside("run", "first", "--dry-run", *options, "--json", project=made.directory).json
    if not options:
        assert plan == inside("plan", "first", "--json", project=made.directory).json
    assert inside("runs", "--json", project=made.directory).json == {"runs": []}
    run = inside("run", "first", *options, "--json", project=made.directory).json
    assert (plan["rows"]["read"], plan["rows"]["to_send"]) == (run["rows"]["read"], run["rows"]["delivered"])


def test_a_dry_run_of_several_prints_all_plans(made: Shop) -> None:
    """As text and as JSON."""
    plans = inside("run", "--tag", "good", "--dry-run", "--json", project=made.directory).json["plans"]
    assert [plan["orchestration"] for plan in plans] == ["first", "second"]
    text = inside("run", "first", "second", "--dry-run", project=made.directory)
    assert (text.code, text.stdout.count("rows to send")) == (0, 2)


def test_ctrl_c_stops_the_run_and_those_after_it(tmp_path: Path) -> None:
    """The second and third are reported as not started."""
    with serving(lambda _: Reply(50000, "Busy.", 500)) as tiktok:
        made = several(tmp_path / "several", tiktok.url)
        slow = made.settings.read_text().replace("first_wait: 0.01", "first_wait: 600").replace("0.02", "600")
        made.settings.write_text(slow)
        process = started("run", "first", "nothing", "second", "--json", project=made.directory)
        assert tiktok.first.wait(60)
        os.kill(process.pid, signal.SIGINT)
        outcome = ended(process)
    assert outcome.code == outcome.json["exit_code"] == 130
    first, *others = outcome.json["runs"]
    assert first["status"] == "interrupted"
    assert [(one["run_id"], one["error"]) for one in others] == [
        (None, "Not started: the command was interrupted.")
    ] * 2
