"""No identifier and no token is left in what Ray writes, or in the stage, whatever happens to a task."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.errors import ConnectorError, ResumableError, SourceError
from connector.runs.cluster.worker import task
from tests.cli.command import started
from tests.cli.shop import NAME
from tests.cluster.inline import Inline
from tests.cluster.nodes import QUIET, Nodes, nodes
from tests.cluster.spread import CLUSTER, Spread
from tests.duckdb_file import writing
from tests.postgres import Postgres
from tests.traces import Marks, marker

NAMED, PHONE, TOKEN = marker("person"), "447700900471", marker("token")
MARKS = Marks(NAMED, PHONE, TOKEN)
SPILLING = {
    "RAY_max_direct_call_object_size": "0",
    "RAY_object_spilling_threshold": "0.0",
    "RAY_min_spilling_size": "1",
}
"""Arguments and results of tasks go to the object store instead of into messages, and from there to the disk."""
ROWS = f"""
    SELECT 'e' || n // 2 AS event_id, date_trunc('hour', now()) - to_seconds(n // 2 % 1000) AS timestamp
        , CASE WHEN n % 50 = 7 THEN '{NAMED} at nowhere' ELSE n // 2 || '.{NAMED}@example.com' END AS email
        , '+{PHONE}' AS phone, 'c' || n % 2 AS content_id, 2.5 AS price, 1 AS quantity
    FROM range({{rows}}) AS t (n) ORDER BY hash(n)
"""


@pytest.fixture(scope="module", name="nodes")
def spilling_nodes() -> Iterator[Nodes]:
    """Nodes that spill everything, and have the token in their environment, as each node must."""
    environ = {**QUIET, **SPILLING, "SHOP_TOKEN": TOKEN}
    with nodes(environ) as cluster:
        yield cluster


@pytest.fixture
def _spilling(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**SPILLING, "SHOP_TOKEN": TOKEN}.items():
        monkeypatch.setenv(name, value)


def secretive(made: Spread) -> Spread:
    """The project with its token in the environment."""
    made.change(credentials={"tiktok": {"access_token": "{{ env.SHOP_TOKEN }}"}})
    made.change_orchestration(max_reject_percent=100)
    return made


def wait_for(found: Callable[[], list[int]], process: Any) -> int:
    """Wait for a process, and return its number."""
    while not (pids := found()):
        assert process.poll() is None
        time.sleep(0.01)
    return pids[0]


@pytest.mark.slow
@pytest.mark.usefixtures("_spilling")
def test_nothing_is_left_in_the_files_of_ray_and_in_the_stage(
    project: Callable[..., Spread], nodes: Nodes, postgres: Postgres
) -> None:
    made = secretive(project("FROM orders", tables={"orders": ROWS.format(rows=400_000)}))
    assert made.run(merge_in_tasks=True).code == 0
    made.change(ledger=postgres.new_database())
    # A crash, of which Ray keeps what it finds out about it.
    process = started("run", NAME, "--engine", CLUSTER, "--json", project=made.directory)
    crashed = wait_for(lambda: [pid for node in nodes.running for pid in node.pids("ray::read_split")], process)
    os.kill(crashed, signal.SIGSEGV)
    output, errors = process.communicate()
    assert (process.returncode, json.loads(output)["rows"]["read"]) == (0, 400_000), errors
    assert "raylet" not in errors
    # An error that quotes a value.
    made.shop.query.write_text("SELECT * REPLACE (CAST(email AS INTEGER) AS quantity) FROM orders")
    failed = made.run()
    assert failed.code == 1
    assert NAMED not in failed.stdout + failed.stderr
    assert [path for path in nodes.folder.rglob("raylet*.out") if "Spilled" in path.read_text(errors="replace")]
    assert MARKS.traces(nodes.folder, made.stage, made.shop.state) == []


def test_what_a_task_is_told_and_returns_holds_no_secret_and_nothing_about_persons(
    tmp_path: Path, inline_project: Callable[..., Spread], inline: Inline, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = secretive(inline_project("FROM orders"))
    made.shop.warehouse.unlink()
    with writing(made.shop.warehouse, row_group=2048) as warehouse:
        warehouse.execute(f"CREATE TABLE orders AS {ROWS.format(rows=9_000)}")
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    assert made.run(merge_in_tasks=True).code == 0
    tasks = [
        name for name in (b"read_split", b"merge_split", b"send_leases") if any(name in one for one in inline.travelled)
    ]
    assert len(tasks) == 3
    written = tmp_path / "travelled"
    written.write_bytes(b"\0".join(inline.travelled))
    assert MARKS.traces(written, made.stage) == []


def _breaks() -> None:
    raise ValueError(NAMED)


def _fails() -> None:
    try:
        _breaks()
    except ValueError as error:
        raise SourceError("The query failed.") from error


@pytest.mark.parametrize(("function", "kind"), [(_fails, SourceError), (_breaks, ResumableError)])
def test_an_error_of_a_task_holds_no_value(function: Callable[[], None], kind: type[ConnectorError]) -> None:
    with pytest.raises(kind) as raised:
        task(function)()
    assert raised.value.__suppress_context__
    assert raised.value.__cause__ is None
    assert NAMED not in str(raised.value)
    assert kind is SourceError or "ValueError" in str(raised.value)
