"""A cluster that is not there, and nodes that cannot work on a run: one sentence, which names the node and what to do."""

import os
import re
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from connector.config.project import load_project
from connector.destinations.context import OtherLock, RunContext
from connector.errors import ConnectorError
from connector.ledger.project_ledger import ledger_of, run_directory
from connector.observer import Silent
from connector.runs.cluster import worker
from connector.runs.cluster.driver import attach_stage
from connector.runs.cluster.reading import READ, read_split
from connector.runs.cluster.sending import send_leases
from connector.runs.cluster.worker import RunName
from connector.staging.shared_stage import mark_stage, shared_stage
from connector.staging.storage.open_files import shared_folder_of
from tests.cli.command import inside
from tests.cli.shop import NAME, TOKEN
from tests.cli.tiktok import TikTok, serving
from tests.cluster.nodes import Nodes
from tests.cluster.spread import CLUSTER, Spread, spread
from tests.postgres import Postgres, free_port

QUERY = (
    "SELECT 'e' || n AS event_id, now() AS timestamp, n || '@example.com' AS email, 2.5 AS value FROM range(9) AS t (n)"
)
HERE = socket.gethostname()


@pytest.fixture
def nobody(tmp_path: Path, postgres: Postgres) -> Spread:
    """A project whose cluster is not there."""
    with serving() as tiktok:
        return spread(tmp_path, Nodes(tmp_path, free_port(), {}), postgres.new_database(), tiktok, QUERY)


def test_a_cluster_that_does_not_answer(nobody: Spread) -> None:
    outcome = nobody.run()
    assert outcome.code == 1
    assert re.fullmatch(
        r'The engine "cluster" cannot be reached at 127\.0\.0\.1:\d+: Connection refused\. Start the cluster, or '
        r"correct its address; `connector resume` goes on\.",
        outcome.sentence,
    )
    record = outcome.json
    assert (record["status"], record["error"]) == ("failed", outcome.sentence)
    assert nobody.tiktok.requests == []


def test_a_run_that_failed_before_anything_was_staged_is_resumed_without_its_name(
    tmp_path: Path, postgres: Postgres, tiktok: TikTok
) -> None:
    """The message says `connector resume`. Once another run has read the result, there is nothing to resume."""
    made = spread(tmp_path, Nodes(tmp_path, free_port(), {}), postgres.new_database(), tiktok, QUERY)
    failed = inside("run", NAME, "--engine", CLUSTER, project=made.directory)
    resumed = inside("resume", project=made.directory)
    assert (failed.code, resumed.code) == (1, 1)
    assert "cannot be reached" in resumed.stderr
    assert "`connector resume` goes on" in failed.stderr
    assert inside("run", NAME, "--engine", "none", project=made.directory).code == 0
    assert "no run to resume" in inside("resume", project=made.directory).sentence


@pytest.fixture
def name(nobody: Spread) -> RunName:
    """A run of which a split is to be read."""
    run_id = nobody.run().json["run_id"]
    project = load_project(nobody.directory, os.environ)
    with ledger_of(project) as ledger:
        mark_stage(shared_stage(ledger.runs.get(run_id)))
        ledger.splits.plan(run_id, READ, [{}])
    return RunName(str(nobody.directory), project.target, run_id, "driver")


Break = Callable[[Spread, RunName, pytest.MonkeyPatch], RunName]


def without_project(made: Spread, name: RunName, _: pytest.MonkeyPatch) -> RunName:
    return replace(name, project=str(made.directory / "elsewhere"))


def without_settings(made: Spread, name: RunName, _: pytest.MonkeyPatch) -> RunName:
    made.shop.settings.unlink()
    return name


def with_another_query(made: Spread, name: RunName, _: pytest.MonkeyPatch) -> RunName:
    made.shop.query.write_text(QUERY + " LIMIT 3")
    return name


def without_query(made: Spread, name: RunName, _: pytest.MonkeyPatch) -> RunName:
    made.shop.query.unlink()
    return name


def without_token(made: Spread, name: RunName, _: pytest.MonkeyPatch) -> RunName:
    text = made.shop.settings.read_text()
    made.shop.settings.write_text(text.replace(TOKEN, '"{{ env.TIKTOK_TOKEN }}"'))
    return name


def without_driver(made: Spread, name: RunName, _: pytest.MonkeyPatch) -> RunName:
    made.change(warehouses={"own": {"url": "mssql+pyodbc://u@127.0.0.1/shop"}})
    return name


def without_stage(made: Spread, name: RunName, _: pytest.MonkeyPatch) -> RunName:
    made.stage.rename(made.stage.with_name("unmounted"))
    return name


def with_another_stage(made: Spread, name: RunName, _: pytest.MonkeyPatch) -> RunName:
    made.stage.rename(made.stage.with_name("other"))
    made.stage.mkdir()
    return name


def without_warehouse(made: Spread, name: RunName, _: pytest.MonkeyPatch) -> RunName:
    made.shop.warehouse.unlink()
    return name


def without_ledger(made: Spread, name: RunName, _: pytest.MonkeyPatch) -> RunName:
    made.change(ledger=f"postgresql://postgres@127.0.0.1:{free_port()}/ledger")
    return name


def with_another_version(_: Spread, name: RunName, monkeypatch: pytest.MonkeyPatch) -> RunName:
    monkeypatch.setattr(worker, "__version__", "0.0.9")
    return name


NODES: dict[Break, str] = {
    without_project: "There is no project in",
    without_settings: "every node needs it at the path",
    with_another_query: "is not the same on",
    without_query: "which is not in queries/",
    without_token: "TIKTOK_TOKEN",
    without_driver: "pip install",
    without_stage: "may not be mounted",
    with_another_stage: "mount the same one on every node",
    without_warehouse: "warehouse.duckdb",
    without_ledger: "The ledger could not be",
    with_another_version: "version 0.0.9 of sql-to-tiktok",
}


@pytest.mark.parametrize("broken", NODES, ids=lambda broken: broken.__name__)
def test_a_node_that_cannot_work_is_named(
    nobody: Spread, name: RunName, monkeypatch: pytest.MonkeyPatch, broken: Break
) -> None:
    found = broken(nobody, name, monkeypatch)
    with pytest.raises(ConnectorError) as raised:
        read_split(found, 0, {}, "plan")
    sentence = raised.value.message
    assert HERE in sentence
    assert NODES[broken] in sentence
    assert TOKEN not in sentence


def test_a_node_that_cannot_send_is_named(nobody: Spread, name: RunName, monkeypatch: pytest.MonkeyPatch) -> None:
    without_token(nobody, name, monkeypatch)
    with pytest.raises(ConnectorError, match=f"On node {HERE}: .*TIKTOK_TOKEN"):
        send_leases(name, 1, False)


def test_what_is_left_of_an_earlier_command_here_is_not_mixed_with_the_shared_stage(
    nobody: Spread, name: RunName, tmp_path: Path
) -> None:
    """Another machine may have staged the run since; its excluded rows are here as well afterwards."""
    project = load_project(nobody.directory, os.environ)
    directory = run_directory(project, name.run_id)
    with ledger_of(project) as ledger:
        record = ledger.runs.get(name.run_id)
        shared = shared_stage(record)
        for folder, content in ((directory, b"older"), (tmp_path / "there", b"newer")):
            for file in ("removed-events.npz", "left-out/staging.parquet"):
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).write_bytes(content)
        shared.publish(tmp_path / "there", ["removed-events.npz", "left-out/staging.parquet"])
        attach_stage(RunContext(project, ledger, OtherLock(HERE), Silent(), Event()), record)
    assert not (directory / "removed-events.npz").exists()
    assert (directory / "left-out" / "staging.parquet").read_bytes() == b"newer"
    found = shared_folder_of(directory)
    assert found is not None
    assert found.read("removed-events.npz") == b"newer"
