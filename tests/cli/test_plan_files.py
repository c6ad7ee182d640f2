"""A plan as a file: it says nothing of a row or a secret, and a run that is held to it sends what was planned only."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

import connector
from connector.errors import Interrupted, PlanChanged, UsageError
from connector.runs.job import current_job
from connector.runs.plan_file import definition_of
from tests.cli.command import Outcome, environment, inside
from tests.cli.shop import GOOD, NAME, SOURCE_ID, TOKEN, Shop, shop
from tests.cli.tiktok import Reply, TikTok, serving
from tests.duckdb_file import writing

HUNDRED = GOOD.format(rows=100)


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


@pytest.fixture
def made(tmp_path: Path, tiktok: TikTok) -> Shop:
    return reviewed(tmp_path, tiktok.url)


def reviewed(folder: Path, url: str) -> Shop:
    """A project with a query, a template and a parameter of its own."""
    template = {"extends": "tiktok_events", "parameters": {"description": {"value": "{{ parameters.word }}"}}}
    return shop(folder / "shop", url, HUNDRED, template=template, parameters={"word": "sale"})


@pytest.fixture
def plan(made: Shop, tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    outcome = inside("plan", NAME, "-o", str(path), project=made.directory)
    assert outcome.code == 0, outcome
    return path


def run(made: Shop, plan: Path, *options: str) -> Outcome:
    return inside("run", NAME, "--plan", str(plan), *options, project=made.directory)


def edit(made: Shop, change: Callable[[dict[str, Any]], object]) -> None:
    settings = yaml.safe_load(made.settings.read_text())
    change(settings)
    made.settings.write_text(yaml.safe_dump(settings))


def orchestration(**keys: Any) -> Callable[[dict[str, Any]], object]:
    return lambda settings: settings["orchestrations"][NAME].update(keys)


def destination(**keys: Any) -> Callable[[dict[str, Any]], object]:
    return lambda settings: settings["destinations"]["stores"].update(keys)


# The file ---------------------------------------------------------------------------------------------------


def test_a_plan_has_sums_and_counts_and_nothing_else(made: Shop, plan: Path, tiktok: TikTok) -> None:
    text = plan.read_text()
    entry = json.loads(text)
    assert (entry["connector_plan"], entry["orchestration"], entry["rows"]["to_send"]) == (1, NAME, 100)
    sums = [entry["definition"]["query"], entry["definition"]["template"], *entry["definition"]["settings"].values()]
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in sums)
    for secret in (TOKEN, SOURCE_ID, tiktok.url, "@example.com", "sale", "warehouse.duckdb", str(made.directory)):
        assert secret not in text


def test_a_password_leaves_no_trace_in_a_plan(made: Shop, plan: Path) -> None:
    before = json.loads(plan.read_text())["definition"]
    edit(made, lambda settings: settings["credentials"]["tiktok"].update(access_token="another-token"))
    edit(made, lambda settings: settings["warehouses"]["own"].update(password="hunter2"))
    settings = connector.open_project(made.directory).settings
    assert definition_of(settings, current_job(settings, NAME), before["salt"]).model_dump() == before


def test_each_plan_has_sums_of_its_own_salt(made: Shop, plan: Path) -> None:
    """No sum says anything by itself: not to somebody who sums likely values, nor beside another plan."""
    definitions = [json.loads(plan.read_text())["definition"]]
    definitions += [json.loads(connector.open_project(made.directory).plan(NAME).file.as_text())["definition"]]
    salts = [one["salt"] for one in definitions]
    assert all(re.fullmatch("[0-9a-f]{32}", salt) for salt in salts)
    assert len(set(salts)) == 2
    first, second = ({one["query"], one["template"], *one["settings"].values()} for one in definitions)
    assert len(first) == len(second) == 2 + len(definitions[0]["settings"])
    assert not first & second
    contents = [
        HUNDRED.encode(),
        made.query.read_bytes(),
        json.dumps(["orchestration.parameters.word", "sale"]).encode(),
    ]
    assert not first & {sha256(content).hexdigest() for content in contents}


@pytest.mark.parametrize("salt", [None, "", "00", "z" * 32, "A" * 32, "0" * 33, 7])
def test_a_plan_without_a_salt_is_refused(made: Shop, plan: Path, salt: object, tiktok: TikTok) -> None:
    entry = json.loads(plan.read_text())
    entry["definition"]["salt"] = salt
    plan.write_text(json.dumps(entry))
    outcome = run(made, plan)
    assert outcome.code == 2
    assert "at 'definition.salt'" in outcome.sentence
    assert not tiktok.requests


def test_a_plan_is_also_printed_and_an_existing_file_stays(made: Shop, plan: Path) -> None:
    before = plan.read_bytes()
    outcome = inside("plan", NAME, "-o", str(plan), project=made.directory)
    assert outcome.code == 2
    assert "--force" in outcome.sentence
    assert plan.read_bytes() == before
    forced = inside("plan", NAME, "-o", str(plan), "--force", "--json", project=made.directory)
    assert forced.json["rows"]["to_send"] == 100


# The same definition ----------------------------------------------------------------------------------------


def test_a_run_that_is_as_planned_sends(made: Shop, plan: Path, tiktok: TikTok) -> None:
    outcome = run(made, plan, "--json")
    assert outcome.record()["rows"]["delivered"] == 100
    assert len(tiktok.events) == 100


def test_a_plan_holds_in_another_folder(made: Shop, plan: Path, tmp_path: Path, tiktok: TikTok) -> None:
    shutil.copytree(made.directory, tmp_path / "elsewhere", ignore=shutil.ignore_patterns(".connector"))
    assert run(Shop(tmp_path / "elsewhere"), plan).code == 0
    assert len(tiktok.events) == 100


CHANGES: dict[str, tuple[Callable[[Shop], object], str]] = {
    "query": (lambda made: made.query.write_text(HUNDRED + " -- reviewed?"), "The query has changed"),
    "template": (
        lambda made: (made.directory / "templates" / "own.yaml").write_text("extends: tiktok_events\n"),
        "The template has changed",
    ),
    "parameter": (
        lambda made: edit(made, orchestration(parameters={"word": "sold"})),
        "The template and setting orchestration.parameters.word have changed",
    ),
    "limit": (lambda made: edit(made, orchestration(limit=50)), "setting orchestration.limit has changed"),
    "line items": (lambda made: edit(made, orchestration(line_items=False)), "setting orchestration.line_items has"),
    "allowed change": (
        lambda made: edit(made, orchestration(max_plan_change_percent=100)),
        "setting orchestration.max_plan_change_percent has",
    ),
    "test event code": (
        lambda made: edit(made, orchestration(test_event_code="TEST1")),
        "setting orchestration.test_event_code has changed",
    ),
    "event source": (
        lambda made: edit(made, destination(event_source_id="7000000000000000001")),
        "setting destination.event_source_id has changed",
    ),
    "address": (lambda made: edit(made, destination(api_url="simulator")), "setting destination.api_url has changed"),
    "warehouse": (
        lambda made: edit(made, lambda all_: all_["warehouses"]["own"].update(url="duckdb:///other.duckdb")),
        "setting warehouse.url has changed",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_definition_is_named_and_nothing_is_opened(
    made: Shop, plan: Path, tiktok: TikTok, change: str
) -> None:
    make, told = CHANGES[change]
    make(made)
    outcome = run(made, plan, "--json")
    assert outcome.code == 2
    assert told in outcome.sentence
    assert outcome.sentence.endswith(f"`connector plan {NAME} -o FILE`.")
    assert outcome.json == {"error": outcome.sentence}
    assert inside("runs", "--json", project=made.directory).json == {"runs": []}
    assert not tiktok.requests


IMMATERIAL = {
    "description": orchestration(description="for people"),
    "tags": orchestration(tags=["a"]),
    "schedule": orchestration(workflow="automatic", schedule={"every": "1h"}),
    "retention": lambda settings: settings.update(retention_days=3),
    "rate": destination(requests_per_second=5, max_in_flight=1, retry={"max_attempts": 2}),
    "token": lambda settings: settings["credentials"]["tiktok"].update(access_token="rotated"),
}


@pytest.mark.parametrize("change", IMMATERIAL)
def test_what_changes_nothing_that_is_sent_changes_no_plan(made: Shop, plan: Path, tiktok: TikTok, change: str) -> None:
    edit(made, IMMATERIAL[change])
    assert run(made, plan).code == 0
    assert len(tiktok.events) == 100


@pytest.mark.parametrize("option", [("--limit", "5"), ("--test-event-code", "TEST1")], ids=["limit", "code"])
def test_an_option_that_changes_what_is_sent_changes_the_plan(
    made: Shop, plan: Path, tiktok: TikTok, option: tuple[str, str]
) -> None:
    outcome = run(made, plan, *option)
    assert outcome.code == 2
    assert f"setting orchestration.{option[0][2:].replace('-', '_')} has changed" in outcome.sentence
    assert not tiktok.requests


@pytest.mark.parametrize("options", [{"limit": 5}, {"test_event_code": "TEST1"}], ids=["limit", "code"])
def test_a_plan_that_was_made_with_an_option_holds_with_it_alone(
    made: Shop, tiktok: TikTok, options: dict[str, Any]
) -> None:
    project = connector.open_project(made.directory)
    plan = project.plan(NAME, **options)
    with pytest.raises(UsageError, match="has changed since the plan was made"):
        project.run(NAME, plan=plan)
    assert not tiktok.requests
    assert project.run(NAME, plan=plan, **options).rows.delivered == options.get("limit", 100)


def test_a_plan_of_another_orchestration_or_target_is_refused(made: Shop, plan: Path) -> None:
    entry = json.loads(plan.read_text())
    for key in ("orchestration", "target"):
        plan.write_text(json.dumps({**entry, key: "other\x1b[2J"}))
        outcome = run(made, plan)
        assert outcome.code == 2
        assert f'The plan is for the {key} "other\\x1b[2J", not for' in outcome.sentence


# Nearly the same counts -------------------------------------------------------------------------------------


def table(made: Shop, rows: int, without_identity: int = 0) -> None:
    """Puts so many rows into the table that the query reads."""
    with writing(made.warehouse) as warehouse:
        warehouse.execute(
            "CREATE OR REPLACE TABLE sales AS SELECT 'e' || n AS event_id, now() - to_seconds(n) AS timestamp, "
            f"CASE WHEN n >= {without_identity} THEN n || '@example.com' END AS email FROM range({rows}) AS t (n)"
        )


@pytest.fixture
def sales(tmp_path: Path, tiktok: TikTok, request: pytest.FixtureRequest) -> Shop:
    made = shop(tmp_path / "sales", tiktok.url, "FROM sales", **getattr(request, "param", {}))
    table(made, 100)
    return made


def planned(made: Shop, path: Path) -> Path:
    path.write_text(connector.open_project(made.directory).plan(NAME).file.as_text())
    return path


@pytest.mark.parametrize(("rows", "invalid"), [(100, 0), (110, 0), (90, 0), (105, 5), (100, 10)])
def test_counts_may_differ_a_little(sales: Shop, tmp_path: Path, tiktok: TikTok, rows: int, invalid: int) -> None:
    path = planned(sales, tmp_path / "plan.json")
    table(sales, rows, invalid)
    assert run(sales, path).code == 0
    assert len(tiktok.events) == rows - invalid


FAR = {
    "more rows": (111, 0, "rows read 111 (planned: 100)"),
    "fewer rows": (89, 0, "rows read 89 (planned: 100)"),
    "no rows": (0, 0, "rows read 0 (planned: 100)"),
    "more rejects": (100, 11, "rows rejected 11 (planned: 0)"),
}


@pytest.mark.parametrize("change", FAR)
@pytest.mark.parametrize("sales", [{}, {"line_items": False}], indirect=True, ids=["staged", "streamed"])
def test_counts_that_differ_more_send_nothing(sales: Shop, tmp_path: Path, tiktok: TikTok, change: str) -> None:
    rows, invalid, told = FAR[change]
    path = planned(sales, tmp_path / "plan.json")
    table(sales, rows, invalid)
    outcome = run(sales, path, "--json")
    assert outcome.code == 3
    record = outcome.record()
    assert told in record["error"]
    assert "more than the 10 % that the plan allows: nothing was sent" in record["error"]
    assert (record["status"], record["rows"]["read"], record["requests"]["sent"]) == ("failed", rows, 0)
    assert not tiktok.requests
    assert inside("resume", project=sales.directory).code == 2
    assert not tiktok.requests


@pytest.mark.parametrize(
    ("percent", "rows", "code"), [(0, 100, 0), (0, 101, 3), (50, 150, 0), (1, 101, 0), (1, 102, 3)]
)
def test_how_much_counts_may_differ_is_a_setting(
    sales: Shop, tmp_path: Path, percent: int, rows: int, code: int
) -> None:
    edit(sales, orchestration(max_plan_change_percent=percent))
    path = planned(sales, tmp_path / "plan.json")
    table(sales, rows)
    assert run(sales, path).code == code


def test_what_was_delivered_since_is_a_change(sales: Shop, tmp_path: Path, tiktok: TikTok) -> None:
    path = planned(sales, tmp_path / "plan.json")
    assert run(sales, path).code == 0
    outcome = run(sales, path)
    assert outcome.code == 3
    assert (
        "rows to send 0 (planned: 100), rows skipped 100 (planned: 0) and events 0 (planned: 100)"
        in outcome.sentence_of("not the planned one")
    )
    assert len(tiktok.events) == 100


# Runs that were interrupted ---------------------------------------------------------------------------------


def stopped_while_reading(made: Shop, path: Path) -> str:
    def stop(step: connector.Progress) -> None:
        if step.kind == "read":
            raise KeyboardInterrupt

    project = connector.open_project(made.directory)
    with pytest.raises(KeyboardInterrupt):
        project.run(NAME, plan=path, on_progress=stop)
    last = project.last_run()
    assert last is not None
    assert last.status == "interrupted"
    return last.run_id


def test_a_planned_run_that_was_not_compared_is_not_resumed(sales: Shop, tmp_path: Path, tiktok: TikTok) -> None:
    path = planned(sales, tmp_path / "plan.json")
    run_id = stopped_while_reading(sales, path)
    table(sales, 1_000)
    outcome = inside("resume", project=sales.directory)
    assert outcome.code == 2
    assert f"Run {run_id} is held to a plan and has sent nothing: start it again" in outcome.sentence
    assert not tiktok.requests
    assert run(sales, path).code == 3
    table(sales, 100)
    assert run(sales, path).code == 0
    assert len(tiktok.events) == 100


def test_the_next_run_does_what_a_planned_one_did_not(sales: Shop, tmp_path: Path, tiktok: TikTok) -> None:
    stopped_while_reading(sales, planned(sales, tmp_path / "plan.json"))
    record = inside("run", NAME, "--json", project=sales.directory).record()
    assert (record["rows"]["delivered"], len(tiktok.events)) == (100, 100)


def test_what_a_planned_run_left_is_resumed_and_another_does_not_mix_with_it(
    sales: Shop, tmp_path: Path, tiktok: TikTok
) -> None:
    path = planned(sales, tmp_path / "plan.json")
    project, answer = connector.open_project(sales.directory), tiktok.answer
    stop = threading.Event()

    def fail(body: object) -> Reply:
        stop.set()
        return Reply(status=500)

    tiktok.answer = fail
    with pytest.raises(Interrupted):
        project.run(NAME, plan=path, stop=stop)
    tiktok.answer = answer
    outcome = run(sales, path)
    assert outcome.code == 2
    assert "is not finished" in outcome.stderr
    assert inside("resume", project=sales.directory).code == 0
    assert len(tiktok.events) == 100


KILL = """
import os, sys, connector
folder, plan, kind = sys.argv[1:]
def step(progress):
    if progress.kind == kind:
        os.kill(os.getpid(), 9)
connector.open_project(folder).run("purchases", plan=plan, on_progress=step)
"""


@pytest.mark.parametrize(
    ("kind", "is_compared"), [("started", False), ("read", False), ("staged", False), ("settled", True)]
)
def test_a_planned_run_that_is_killed_sends_only_what_was_compared(
    sales: Shop, tmp_path: Path, tiktok: TikTok, kind: str, is_compared: bool
) -> None:
    path = planned(sales, tmp_path / "plan.json")
    killed = subprocess.run(
        [sys.executable, "-c", KILL, str(sales.directory), str(path), kind], env=environment(None), check=False
    )
    assert killed.returncode == -9
    table(sales, 1_000)
    resumed = inside("resume", project=sales.directory)
    assert resumed.code == (0 if is_compared else 2)
    assert len(tiktok.events) == (100 if is_compared else 0)


def test_python_takes_a_plan_as_it_is(sales: Shop) -> None:
    project = connector.open_project(sales.directory)
    plan = project.plan(NAME)
    table(sales, 200)
    with pytest.raises(PlanChanged):
        project.run(NAME, plan=plan)
    table(sales, 100)
    sales.query.write_text("FROM sales WHERE true")
    with pytest.raises(UsageError, match="The query has changed"):
        connector.open_project(sales.directory).run(NAME, plan=plan)


# Files that are no plans ------------------------------------------------------------------------------------


def replaced(**keys: Any) -> Callable[[str], str]:
    return lambda text: json.dumps({**json.loads(text), **keys})


def without(key: str) -> Callable[[str], str]:
    return lambda text: json.dumps({name: value for name, value in json.loads(text).items() if name != key})


ROWS = {"read": 100, "to_send": 100, "rejected": 0, "skipped": 0}
DAMAGED: dict[str, tuple[Callable[[str], str], str]] = {
    "empty": (lambda _: "", "not valid JSON"),
    "cut": (lambda text: text[: len(text) // 2], "not valid JSON"),
    "no object": (lambda _: "[]", "is not a plan"),
    "a number": (lambda _: "1", "is not a plan"),
    "null": (lambda _: "null", "is not a plan"),
    "an object": (lambda _: "{}", "is not a plan"),
    "deep": (lambda _: "[" * 100_000, "is not a plan"),
    "a huge number": (lambda text: text.replace('"events": 100', '"events": 1' + "0" * 5_000), "is not a plan"),
    "a large number": (replaced(events=1 << 64), "events"),
    "infinity": (lambda text: text.replace("10.0", "Infinity"), "not valid JSON"),
    "not a number": (lambda text: text.replace("10.0", "NaN"), "not valid JSON"),
    "over 100 %": (replaced(max_change_percent=1e300), "max_change_percent"),
    "negative rows": (replaced(rows={**ROWS, "read": -1}), "rows.read"),
    "true for a number": (replaced(events=True), "events"),
    "text for a number": (replaced(events="100"), "events"),
    "a fraction": (replaced(events=99.5), "events"),
    "no definition": (without("definition"), "definition"),
    "a sum that is none": (
        replaced(definition={"salt": "0" * 32, "query": "x", "template": "y", "settings": {}}),
        "definition.query",
    ),
    "a further key": (replaced(comment="approved"), "comment"),
    "a key twice": (lambda text: text.replace("{", '{"events": 100,', 1), "not valid JSON"),
    "newer": (replaced(connector_plan=2), "another version"),
    "a version that is none": (replaced(connector_plan="new\x1b[2J"), "another version"),
    "escapes in a key": (replaced(**{"\x1b[2J": 1}), "\\x1b[2J"),
    "large": (lambda text: text + " " * (1 << 20), "larger than 1 MiB"),
}


@pytest.fixture(scope="module")
def unopened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, str]]:
    """A project to which nothing is sent, and the text of its plan."""
    with serving() as tiktok:
        made = reviewed(tmp_path_factory.mktemp("unopened"), tiktok.url)
        yield made, connector.open_project(made.directory).plan(NAME).file.as_text()
        assert not tiktok.requests


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_plan_is_answered_in_a_sentence(unopened: tuple[Shop, str], tmp_path: Path, damage: str) -> None:
    (made, text), (make, told) = unopened, DAMAGED[damage]
    (tmp_path / "plan.json").write_text(make(text))
    outcome = run(made, tmp_path / "plan.json")
    assert (outcome.code, outcome.stdout) == (2, "")
    assert told in outcome.sentence
    assert "\x1b" not in outcome.stderr
    assert len(outcome.sentence) < 400


def test_bytes_that_are_no_text_are_no_plan(unopened: tuple[Shop, str], tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(b"\xff\xfe{\x00}\x00")
    assert "is not a plan" in run(unopened[0], tmp_path / "plan.json").sentence


@pytest.mark.parametrize("kind", ["nothing", "folder", "pipe", "/dev/zero", "unreadable name", "a dangling link"])
def test_what_is_no_file_is_no_plan(unopened: tuple[Shop, str], tmp_path: Path, kind: str) -> None:
    path = {"nothing": tmp_path / "nothing.json", "folder": tmp_path, "/dev/zero": Path("/dev/zero")}.get(kind)
    path = path or tmp_path / ("x" * 300 if kind == "unreadable name" else "there")
    if kind == "pipe":
        os.mkfifo(path)
    if kind == "a dangling link":
        path.symlink_to("nowhere")
    outcome = run(unopened[0], path)
    assert outcome.code == 2
    assert "Name a file of `connector plan -o`." in outcome.sentence
