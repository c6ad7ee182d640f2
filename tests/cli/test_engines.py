"""Orchestrations with an engine: what is refused before anything is opened, and what is said of the engine."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import update

from connector.config.engine import EngineSettings
from connector.config.project import load_project
from connector.errors import ResumableError
from connector.ledger.ledger import open_ledger
from connector.ledger.tables import runs
from connector.queries.query_template import RunVariables
from connector.runs import engine_checks
from connector.runs.cluster import ray_cluster
from connector.runs.engine_checks import disk_of, engine_notes, has_other_machines
from connector.runs.job import prepare
from connector.runs.plan_file import definition_of
from tests.cli.command import Outcome, inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import serving
from tests.duckdb_file import writing
from tests.ledger.runs import HOLDER, RUN, delivered, staged_rows, started_run
from tests.ledger.runs import writing as writing_to
from tests.postgres import Postgres

TIKTOK = "https://business-api.tiktok.com"
LEDGER = "postgresql://connector@db.example.com/connector"
SHARED = {"type": "ray", "stage": "s3://bucket/connector"}
ELSEWHERE = "198.51.100.7:6379"
"""An address for documentation, which no machine has."""
DISK = """\
22 1 0:20 / / rw - ext4 /dev/root rw
23 22 0:21 / /shared\\040folder rw shared:1 - nfs4 server:/export rw
"""


def made(folder: Path, *, api_url: str = TIKTOK, engine: dict[str, Any] | None = None, **changed: Any) -> Shop:
    """A project that can run on an engine, but for what is changed."""
    found = shop(folder / "shop", api_url, GOOD.format(rows=5), engine="cluster")
    settings = yaml.safe_load(found.settings.read_text())
    settings |= {"ledger": LEDGER, "engines": {"cluster": {**SHARED, **(engine or {})}}, **changed}
    found.settings.write_text(yaml.safe_dump({key: value for key, value in settings.items() if value is not None}))
    return found


def validated(project: Shop, *args: str) -> Outcome:
    return inside("validate", NAME, *args, project=project.directory)


def line_of(project: Shop, part: str) -> int:
    (number,) = [number for number, line in enumerate(project.settings.read_text().splitlines(), 1) if part in line]
    return number


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.fixture
def _own_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All folders but one are on a disk of this machine."""
    (tmp_path / "mounts").write_text(DISK)
    monkeypatch.setattr(engine_checks, "_MOUNTS", tmp_path / "mounts")


def refusal(project: Shop, part: str, rule: str) -> str:
    """The only problem, which is of a rule and on the line with `part`."""
    outcome = validated(project, "--json")
    assert outcome.code == 2
    (problem,) = outcome.json["problems"]
    assert problem["line"] == line_of(project, part)
    assert problem["rule"] == rule
    return str(problem["message"])


def test_an_engine_is_said(tmp_path: Path) -> None:
    outcome = validated(made(tmp_path))
    assert outcome.code == 0, outcome.stderr
    assert "Engine cluster: ray at auto, stage s3://bucket/connector." in outcome.stderr


def test_an_engine_is_in_the_json(tmp_path: Path) -> None:
    (found,) = validated(made(tmp_path), "--json").json["orchestrations"]
    assert found["engine"] == {"name": "cluster", "type": "ray", "address": "auto", "stage": "s3://bucket/connector"}


@pytest.mark.parametrize("ledger", [None, "sqlite:///ledger.sqlite"])
def test_a_ledger_that_is_a_file_is_refused(tmp_path: Path, ledger: str | None) -> None:
    project = made(tmp_path, ledger=ledger)
    message = refusal(project, "ledger:" if ledger else "engine: cluster", "key_conflict")
    assert message == (
        'The engine "cluster" needs a ledger on PostgreSQL, and the ledger is a file of SQLite: set ledger to a '
        "postgresql:// address that every node reaches."
    )


def test_the_simulator_inside_the_process_is_refused(tmp_path: Path) -> None:
    message = refusal(made(tmp_path, api_url="simulator"), "api_url:", "key_conflict")
    assert message.startswith("destinations.stores.api_url is simulator, a part of the process of a run")
    assert "start `connector simulate`" in message


def test_a_missing_package_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_checks, "find_spec", lambda _: None)
    message = refusal(made(tmp_path), "type: ray", "missing_driver")
    assert message == "The engine \"cluster\" needs ray: pip install 'sql-to-tiktok[ray]'."


@pytest.mark.parametrize("is_missing", [True, False])
def test_the_grant_of_an_app_needs_the_package_that_encrypts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_missing: bool
) -> None:
    app = {"app_id": "7100", "app_secret": "secret", "refresh_token": "token"}
    project = made(tmp_path, credentials={"tiktok": app})
    found = {"cryptography"} if is_missing else set[str]()
    monkeypatch.setattr(engine_checks, "find_spec", lambda name: None if name in found else find_spec(name))
    if not is_missing:
        assert validated(project).code == 0
        return
    assert refusal(project, "app_secret:", "missing_driver") == (
        'The credential tiktok has an app, whose grant the machines of the engine "cluster" share, and encrypting it '
        "needs cryptography: pip install 'sql-to-tiktok[ray]'."
    )


@pytest.mark.usefixtures("_own_disk")
@pytest.mark.parametrize("stage", ["/shared", "file:///shared"])
def test_a_stage_that_other_machines_do_not_see_is_refused(tmp_path: Path, stage: str) -> None:
    project = made(tmp_path, engine={"stage": stage, "address": ELSEWHERE})
    message = refusal(project, "stage:", "key_conflict")
    assert message == (
        f"engines.cluster.stage is {stage}, on a disk of this machine (ext4), and the cluster at {ELSEWHERE} has other "
        "machines: use a folder that all of them mount, or s3:// or gs://."
    )


def test_a_parameter_that_a_stage_does_not_have_is_refused(tmp_path: Path) -> None:
    message = refusal(made(tmp_path, engine={"stage": "s3://bucket/x?regoin=eu-west-1"}), "stage:", "invalid_value")
    assert message.startswith("engines.cluster.stage: ")
    assert 'has an unknown parameter "regoin"' in message


def test_a_stage_that_cannot_be_written_to_is_refused_once_it_is_asked(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    project = made(tmp_path, engine={"stage": str(tmp_path / "file")})
    assert validated(project).code == 0
    outcome = validated(project, "--connect")
    assert outcome.code == 2
    assert "engines.cluster.stage: The shared folder" in outcome.sentence


def test_a_stage_that_is_not_mounted_is_refused_and_not_made(tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    outcome = validated(made(tmp_path, engine={"stage": str(stage)}), "--connect")
    assert outcome.code == 2
    assert f"there is no folder {stage}, which may not be mounted on this machine: mount it, or create it." in (
        outcome.sentence
    )
    assert not stage.exists()
    stage.mkdir()
    assert validated(made(tmp_path / "other", engine={"stage": str(stage)}), "--connect").code == 0


@pytest.mark.usefixtures("_own_disk")
@pytest.mark.parametrize(
    "engine",
    [
        {"stage": "/shared"},
        {"stage": "/shared", "address": "local"},
        {"stage": "/shared", "address": "127.0.0.1:6379"},
        {"stage": "/shared", "address": "localhost:6379"},
        {"stage": "/shared folder/connector", "address": ELSEWHERE},
        {"stage": "gs://bucket", "address": ELSEWHERE},
    ],
)
def test_a_stage_that_all_machines_may_see_is_not_refused(tmp_path: Path, engine: dict[str, Any]) -> None:
    outcome = validated(made(tmp_path, engine=engine))
    assert outcome.code == 0, outcome.stderr


def test_an_address_of_this_machine_alone_is_refused_as_api_url(tmp_path: Path) -> None:
    project = made(tmp_path, api_url="http://127.0.0.1:8787", engine={"address": ELSEWHERE})
    message = refusal(project, "api_url:", "key_conflict")
    assert message.startswith("destinations.stores.api_url is http://127.0.0.1:8787, an address of this machine alone")
    assert validated(made(tmp_path / "here", api_url="http://127.0.0.1:8787")).code == 0


@pytest.mark.usefixtures("_own_disk")
def test_a_folder_to_write_to_that_other_machines_do_not_see_is_refused(tmp_path: Path) -> None:
    project = made(tmp_path, engine={"address": ELSEWHERE})
    settings = yaml.safe_load(project.settings.read_text())
    events = settings["destinations"]["stores"]
    kept = {key: events[key] for key in ("event_source", "event_source_id", "fixed_event_name")}
    settings["destinations"]["stores"] = {**kept, "type": "file", "path": "out"}
    project.settings.write_text(yaml.safe_dump(settings))
    message = refusal(project, "path:", "key_conflict")
    assert message.startswith("destinations.stores.path is out, on a disk of this machine (ext4)")
    settings["destinations"]["stores"]["path"] = "s3://bucket/out"
    project.settings.write_text(yaml.safe_dump(settings))
    assert validated(project).code == 0


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    project = made(tmp_path, api_url="simulator", ledger=None)
    assert len(validated(project, "--json").json["problems"]) == 2


@pytest.mark.parametrize("command", ["plan", "run"])
def test_an_engine_can_be_named_for_one_command(tmp_path: Path, command: str) -> None:
    project = made(tmp_path, ledger=None)
    assert "needs a ledger on PostgreSQL" in inside(command, NAME, project=project.directory).stderr
    unknown = inside(command, NAME, "--engine", "clutser", project=project.directory)
    assert unknown.code == 2
    assert 'There is no engine "clutser". Did you mean "cluster"?' in unknown.sentence
    assert inside("plan", NAME, "--engine", "none", project=project.directory).code == 0


def test_split_by_without_an_engine_is_said_to_have_no_effect(tmp_path: Path) -> None:
    project = shop(tmp_path / "shop", TIKTOK, GOOD.format(rows=5), split_by="value")
    assert "split_by has no effect without an engine" in validated(project).stderr


@pytest.mark.usefixtures("_own_disk")
def test_places_that_are_not_the_same_on_all_machines_are_named(tmp_path: Path) -> None:
    local = "postgresql://reader@127.0.0.1/db"
    project = made(tmp_path, ledger=local, engine={"address": ELSEWHERE})
    settings = load_project(project.directory, {})
    orchestration = settings.orchestration(NAME)
    assert orchestration.engine
    ledger, warehouse = engine_notes(settings, orchestration, orchestration.engine)
    assert ledger.startswith("The ledger is at an address of this machine alone")
    assert warehouse == (
        f"{project.warehouse} is on a disk of this machine (ext4): each node of the cluster needs the same file there."
    )
    outcome = validated(project)
    assert outcome.code == 0
    assert ledger in outcome.stderr


@pytest.mark.parametrize(
    ("address", "environ", "expected"),
    [
        ("auto", {}, False),
        ("local", {}, False),
        ("local", {"RAY_ADDRESS": ELSEWHERE}, False),
        ("auto", {"RAY_ADDRESS": ELSEWHERE}, True),
        ("auto", {"RAY_ADDRESS": "127.0.0.1:6379"}, False),
        ("127.0.0.1:6379", {}, False),
        ("[::1]:6379", {}, False),
        (ELSEWHERE, {}, True),
        ("[2001:db8::7]:6379", {}, True),
        ("head.example.com:6379", {}, True),
    ],
)
def test_whether_a_cluster_has_other_machines(address: str, environ: dict[str, str], expected: bool) -> None:
    engine = EngineSettings(name="cluster", type="ray", address=address, stage="/shared")
    assert has_other_machines(engine, environ) is expected


def test_a_disk_that_is_not_known_is_not_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(engine_checks, "_MOUNTS", tmp_path / "none")
    assert disk_of(tmp_path) is None


ORDERS = "SELECT 'e' || n AS event_id, now() - to_seconds(1) AS timestamp, n || '@example.com' AS email FROM range({}) AS t (n)"


def planned(folder: Path, ledger: str, rows: int, query: str, *args: str, **engine: Any) -> Outcome:
    """The plan of a query on a table of so many orders."""
    tables = {"orders": ORDERS.format(rows)}
    project = shop(folder / "shop", TIKTOK, query, tables=tables, engine="cluster", line_items=False)
    settings = yaml.safe_load(project.settings.read_text())
    own = {**SHARED, "address": "local", "splits": 3, "senders": 4, **engine}
    project.settings.write_text(yaml.safe_dump({**settings, "ledger": ledger, "engines": {"cluster": own}}))
    return inside("plan", NAME, *args, project=project.directory)


def test_a_plan_says_how_many_tasks_there_would_be(tmp_path: Path, postgres: Postgres) -> None:
    outcome = planned(tmp_path, postgres.new_database(), 250_000, "SELECT * FROM orders", "--json")
    assert outcome.code == 0, outcome.stderr
    engine = outcome.json["engine"]
    assert (engine["name"], engine["splits"], engine["split_note"], engine["senders"]) == ("cluster", 3, None, 2)


def test_a_plan_says_why_one_task_reads_all(tmp_path: Path, postgres: Postgres) -> None:
    query = "SELECT * FROM orders ORDER BY event_id"
    outcome = planned(tmp_path, postgres.new_database(), 50, query)
    assert outcome.code == 0, outcome.stderr
    assert "Engine cluster: reads the result in 1 split, and sends it from 1 process." in outcome.stderr
    assert "more than a plain selection from one table" in outcome.stderr


def test_a_plan_of_a_cluster_that_does_not_answer_is_for_the_cores_of_this_machine(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_cluster, "connect", unreachable)
    outcome = planned(
        tmp_path, postgres.new_database(), 50, "SELECT * FROM orders", address="auto", splits=None, senders=None
    )
    assert outcome.code == 0, outcome.stderr
    assert f"Nobody answers. The numbers are those for the {os.cpu_count()} cores of this machine." in outcome.stderr


def unreachable(_: EngineSettings) -> Any:
    raise ResumableError("Nobody answers.")


def test_a_plan_with_a_limit_uses_no_engine(tmp_path: Path, postgres: Postgres) -> None:
    project = tmp_path / "shop"
    planned(tmp_path, postgres.new_database(), 50, "SELECT * FROM orders")
    outcome = inside("run", NAME, "--dry-run", "--limit", "5", project=project)
    assert outcome.code == 0, outcome.stderr
    assert "A run with a limit does not use the engine cluster" in outcome.stderr
    assert "Engine cluster" not in outcome.stderr


def test_a_plan_holds_on_another_engine_too(tmp_path: Path) -> None:
    project = load_project(made(tmp_path, engine={"splits": 4}).directory, {})
    first, *others = (
        definition_of(one, prepare(one, NAME, RunVariables(datetime.now(UTC))), "0" * 32)
        for one in (project, project.with_engine("none"), project.with_engine("cluster"))
    )
    assert [first.changes(other) for other in others] == [[], []]


@pytest.fixture
def run_of_two_nodes(tmp_path: Path) -> Shop:
    """A project whose ledger has a run of an engine: two nodes read it, and one of them sent half of it."""
    project = shop(tmp_path / "shop", TIKTOK, GOOD.format(rows=5))
    (project.state / "runs" / RUN).mkdir(parents=True)
    with open_ledger(load_project(project.directory, {}).ledger_url) as ledger:
        started_run(ledger, orchestration=NAME, engine="cluster", stage=f"s3://bucket/connector/{RUN}")
        plan = ledger.splits.plan(RUN, "read", [{}, {}, {}])
        for number, (host, rows) in enumerate([("node-a", 8_000), ("node-b", 3_000), ("node-a", 1_000)]):
            ledger.splits.commit(
                RUN, "read", number, plan=plan, attempt=f"split-{number}", host=host, rows=rows, seconds=0.5, summary={}
            )
        ledger.runs.staged(RUN, staged_rows([4, 4]), holder=HOLDER)
        ledger.leases.create(RUN, [(0, 1), (1, 2)])
        lease = ledger.leases.take(RUN, "node-b", 60)
        assert lease
        batches = ledger.leases.batches(lease)
        batches.sending(RUN, 0, holder=lease.holder)
        batches.settled(RUN, delivered(0, 0, 4, whole=True))
        ledger.leases.finish(lease)
    return project


def test_a_run_shows_what_each_node_did(run_of_two_nodes: Shop) -> None:
    shown = inside("runs", "show", RUN, project=run_of_two_nodes.directory).stdout
    lines = [line.split() for line in shown.splitlines()]
    at = lines.index(["nodes", "of", "the", "engine", "cluster"])
    assert lines[at + 1] == ["node", "splits", "rows", "read", "rows/s", "batches", "rows", "sent", "rows/s"]
    assert lines[at + 2] == ["node-a", "2", "9,000", "9,000", "0", "0", "-"]
    assert lines[at + 3][:6] == ["node-b", "1", "3,000", "6,000", "1", "4"]


def test_the_json_of_a_run_has_what_each_node_did(run_of_two_nodes: Shop) -> None:
    shown = inside("runs", "show", RUN, "--json", project=run_of_two_nodes.directory).json
    assert shown["engine"] == "cluster"
    first, second = shown["nodes"]
    assert first["read"] == {"splits": 2, "rows": 9_000, "seconds": 1.0}
    assert (second["host"], second["sent"]["batches"], second["sent"]["rows"]) == ("node-b", 1, 4)


def test_a_run_of_one_process_shows_no_nodes(tmp_path: Path) -> None:
    project = shop(tmp_path / "shop", "simulator", GOOD.format(rows=5))
    assert inside("run", NAME, project=project.directory).code == 0
    assert "nodes" not in inside("runs", "show", "latest", project=project.directory).stdout
    assert "nodes" not in inside("runs", "show", "latest", "--json", project=project.directory).json


@pytest.fixture
def failed(tmp_path: Path, postgres: Postgres) -> Iterator[Shop]:
    """A project whose only run, of one process, found no table; there is one now, and an engine."""
    with serving() as tiktok:
        project = shop(tmp_path / "shop", tiktok.url, "SELECT * FROM orders")
        settings = yaml.safe_load(project.settings.read_text()) | {"ledger": postgres.new_database()}
        project.settings.write_text(yaml.safe_dump(settings))
        assert inside("run", NAME, project=project.directory).code == 1
        with writing(project.warehouse) as warehouse:
            warehouse.execute(f"CREATE TABLE orders AS {ORDERS.format(5)}")
        settings["orchestrations"][NAME]["engine"] = "cluster"
        settings["engines"] = {"cluster": {**SHARED, "address": "127.0.0.1:1"}}
        project.settings.write_text(yaml.safe_dump(settings))
        yield project


def run_in(project: Shop) -> Any:
    """The only run."""
    (run,) = inside("runs", "--json", project=project.directory).json["runs"]
    return run


def test_a_run_of_one_process_is_resumed_by_one_process(failed: Shop) -> None:
    outcome = inside("resume", run_in(failed)["run_id"], project=failed.directory)
    assert outcome.code == 0, outcome.stderr
    assert (run_in(failed)["engine"], run_in(failed)["rows"]["delivered"]) == (None, 5)


def test_a_run_on_an_engine_that_is_gone_is_not_resumed_by_one_process(failed: Shop) -> None:
    run_id = run_in(failed)["run_id"]
    with open_ledger(load_project(failed.directory, {}).ledger_url) as ledger, writing_to(ledger) as connection:
        connection.execute(update(runs).values(engine="gone", stage=f"s3://bucket/{run_id}"))
    outcome = inside("resume", run_id, project=failed.directory)
    assert outcome.code == 1
    assert f'Run {run_id} was started on the engine "gone", which is not in engines: put it back' in outcome.stderr
