"""Run an orchestration on a cluster, hurt it at a moment of a phase, and check what the ledger and the service have."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import psycopg

from tests.cli.command import Outcome, connector, environment
from tests.cli.shop import NAME
from tests.cli.tiktok import OK, Received, Reply
from tests.cluster.nodes import Nodes
from tests.cluster.spread import CLUSTER, Spread
from tests.duckdb_file import writing

WAITS = 90.0
ANSWER_SECONDS = 0.15
IN_FLIGHT = 4
"""Requests of all senders."""
ROWS = 40_000
EVENTS_A_REQUEST = 1_000
QUERY = """
    SELECT 'e' || n AS event_id, date_trunc('hour', now()) - to_seconds(n % 1000) AS timestamp,
        CASE WHEN n % 1000 = 7 THEN 'nobody' ELSE n || '@example.com' END AS email, 2.5 AS value
    FROM orders
"""
ROW_GROUP = 2_048
"""Rows of the smallest part of a table that a task reads."""
EXPECTED = {f"e{n}" for n in range(ROWS) if n % 1000 != 7}


class Slow:
    """Answers after a while, and knows how many requests wait for their answers."""

    def __init__(self, seconds: float = ANSWER_SECONDS, reply: Callable[[int], Reply] = lambda _: OK) -> None:
        self.seconds, self._reply, self._lock = seconds, reply, Lock()
        self.begun, self.under_way = 0, 0

    def __call__(self, _: dict[str, Any]) -> Reply:
        """Answer a request."""
        with self._lock:
            self.begun += 1
            self.under_way += 1
            number = self.begun
        try:
            time.sleep(self.seconds)
            return self._reply(number)
        finally:
            with self._lock:
                self.under_way -= 1


@dataclass
class Scene:
    """A project on a cluster, and the driver of its run."""

    spread: Spread
    nodes: Nodes
    slow: Slow = field(default_factory=Slow)

    @classmethod
    def of(cls, project: Callable[..., Spread], nodes: Nodes, **engine: Any) -> "Scene":
        """Return the project with a table that several tasks read."""
        engine = {"lease_seconds": 5, "splits": 8, **engine}
        made = project(QUERY, destination=SETTINGS, engine=engine)
        made.shop.warehouse.unlink()
        with writing(made.shop.warehouse, row_group=ROW_GROUP) as warehouse:
            warehouse.execute(f"CREATE TABLE orders AS SELECT n FROM range({ROWS}) AS t (n)")
        return cls(made, nodes)

    def __post_init__(self) -> None:
        self.spread.tiktok.answer = self.slow

    @property
    def ledger(self) -> str:
        """The URL of the ledger."""
        import yaml

        return str(yaml.safe_load(self.spread.shop.settings.read_text())["ledger"])

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query to the ledger; none while it has no tables, or is away."""
        return asked(self.ledger, query)

    def start(self, *words: str, directory: Path | None = None) -> "subprocess.Popen[str]":
        """Start the driver in a process group of its own, as a terminal does."""
        words = words or ("run", NAME, "--engine", CLUSTER, "--json")
        return started(*words, project=directory or self.spread.directory)

    def until(self, is_so: Callable[[], Any], driver: "subprocess.Popen[str] | None" = None) -> Any:
        """Wait for something to be so, while the driver works."""
        return wait_until(is_so, driver)

    def splits(self) -> tuple[int, int]:
        """Return the number of splits that are read, and that of all."""
        rows = self.ask("SELECT count(attempt), count(*) FROM splits WHERE kind = 'read'")
        read, planned = rows[0] if rows else (0, 0)
        return read, planned

    def is_reading(self, share: float = 0.0) -> bool:
        """Return whether a share of the splits is read, but not all."""
        read, planned = self.splits()
        return planned > 0 and share * planned <= read < planned

    def is_deduplicating(self) -> bool:
        """Return whether all splits are read and nothing is staged."""
        read, planned = self.splits()
        return 0 < planned == read and not self.is_staged()

    def is_staged(self) -> bool:
        """Return whether the run is staged."""
        return bool(self.ask("SELECT 1 FROM runs WHERE staged"))

    def is_sending(self, requests: int) -> bool:
        """Return whether so many requests have arrived."""
        return self.slow.begun >= requests

    def tasks(self, name: str) -> list[int]:
        """Return the processes that work on a task."""
        return [pid for node in self.nodes.running for pid in node.pids(f"ray::{name}")]

    def resumed(self) -> Outcome:
        """Go on as a user does, until the run is complete; a busy machine may need more than one command."""
        outcome = Outcome(0, "", "")
        for _ in range(4):
            outcome = connector("resume", "--json", project=self.spread.directory)
            if outcome.code in {0, 2}:
                break
            time.sleep(1)
        return outcome

    def finish(self, driver: "subprocess.Popen[str]") -> None:
        """Wait for the driver, and resume the run if that did not bring it to its end."""
        output, errors = driver.communicate(timeout=WAITS)
        if driver.returncode != 0:
            outcome = self.resumed()
            assert outcome.code == 0, (driver.returncode, output, errors, outcome)

    def record(self) -> dict[str, Any]:
        """Return the record of the only run."""
        ((run_id,),) = self.ask("SELECT run_id FROM runs")
        shown = connector("runs", "show", run_id, "--json", project=self.spread.directory)
        assert shown.code == 0, shown.stderr
        return shown.json

    def repeated(self) -> int:
        """Return how many requests repeat another one, which has the same bytes."""
        return sum(number - 1 for number in bodies(self.spread.tiktok.requests).values())

    def check(self, *, most_repeated: int, expected: set[str] | None = None) -> None:
        """Assert that everything arrived and adds up, and that only so many requests were sent again."""
        expected = EXPECTED if expected is None else expected
        assert arrived(self.spread.tiktok.accepted) == expected
        self.check_ledger()
        assert self.repeated() <= most_repeated

    def check_ledger(self) -> None:
        """Assert that the run is complete, that its rows add up, and that no batch has more than it holds."""
        record = self.record()
        rows = record["rows"]
        assert record["status"].startswith("completed"), record
        assert rows["read"] == ROWS == rows["delivered"] + rows["rejected"] + rows["skipped"]
        assert rows["pending"] == 0
        assert rows["delivered"] == len(EXPECTED)
        settled = "delivered_events + refused_events + skipped_events"
        assert self.ask(f"SELECT number FROM batches WHERE {settled} <> events") == []
        assert self.ask("SELECT number FROM leases WHERE NOT done") == []
        ((accepted,),) = self.ask("SELECT count(*) FROM requests WHERE verdict = 'accepted'")
        ((batches,),) = self.ask("SELECT count(*) FROM batches")
        assert accepted == batches


def started(*words: str, project: Path) -> "subprocess.Popen[str]":
    """Start a command in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "connector", *words],
        env=environment(project),
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def asked(ledger: str, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query to a ledger; none while it has no tables, or is away."""
    with suppress(psycopg.errors.UndefinedTable, psycopg.OperationalError):
        with psycopg.connect(ledger, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()
    return []


def wait_until(is_so: Callable[[], Any], driver: "subprocess.Popen[str] | None" = None) -> Any:
    """Wait for something to be so, while the driver works."""
    until = time.monotonic() + WAITS
    while not (found := is_so()):
        assert time.monotonic() < until, "It did not come to that."
        if driver is not None and driver.poll() is not None:
            raise AssertionError(f"The driver has ended: {driver.communicate()}")
        time.sleep(0.01)
    return found


def bodies(requests: list[Received]) -> Counter[bytes]:
    """Return how often each body was sent. An event that is sent again stands in the same bytes."""
    found = Counter(request.raw for request in requests)
    once = {request.raw: request.events for request in requests}
    events = Counter(event["event_id"] for batch in once.values() for event in batch)
    assert max(events.values(), default=1) == 1, "An event was sent in two different requests."
    return found


def arrived(requests: list[Received]) -> set[str]:
    """Return the ids of the events in requests."""
    return {event["event_id"] for request in requests for event in request.events}


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def end(driver: "subprocess.Popen[str]") -> None:
    """End a driver and all processes of its group, however the test ended."""
    with suppress(ProcessLookupError):
        os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    for stream in (driver.stdout, driver.stderr):
        if stream is not None:
            stream.close()


@contextmanager
def driving(scene: Scene, *words: str, directory: Path | None = None) -> Iterator["subprocess.Popen[str]"]:
    """Start a driver, of which nothing is left afterwards."""
    driver = scene.start(*words, directory=directory)
    try:
        yield driver
    finally:
        end(driver)


def kill_server_process(url: str) -> None:
    """Kill a process of PostgreSQL, whose server then ends all connections, recovers and starts again."""
    with suppress(psycopg.OperationalError), psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        kill(row[0])
        connection.execute("SELECT 1")


SETTINGS: Mapping[str, Any] = {"max_in_flight": IN_FLIGHT, "requests_per_second": 100}
