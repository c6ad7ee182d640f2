"""Sending begins before the query has ended, and what goes wrong on either side loses nothing."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from connector.config.project import load_project
from connector.errors import Interrupted, ResumableError, SourceError
from connector.ledger.project_ledger import ledger_of
from connector.ledger.run_records import RunRecord
from connector.observer import Silent
from connector.runs.resume import resume_run
from connector.runs.run import run_orchestration
from tests.cli.shop import NAME, Shop, shop
from tests.cli.tiktok import Reply
from tests.crash.service import Gated, Place, Service, listening
from tests.postgres import Postgres

ROWS, FIRST = 70_000, 65_000
GATE = "passed_gate()"
GATE_FUNCTION = """
    CREATE OR REPLACE FUNCTION passed_gate() RETURNS boolean LANGUAGE plpgsql
    AS 'BEGIN PERFORM pg_advisory_lock_shared(7); RETURN true; END'
"""
BROKEN = f"{GATE} AND 1 / (n - 69000) > -9"
QUERY = f"""
    SELECT 'e' || n AS event_id, now() - interval '1 hour' AS timestamp, n || '@example.com' AS email, 2 AS value
    FROM generate_series(0, {ROWS - 1}) AS t (n) WHERE n < {FIRST} OR THE_REST
"""
"""The warehouse gives the first rows at once, and the rest when the gate is opened."""


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with listening() as found:
        yield found


@contextmanager
def shut(postgres: Postgres) -> Iterator[psycopg.Connection[Any]]:
    """Keeps the gate shut until the connection is closed."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(GATE_FUNCTION)
        connection.execute("SELECT pg_advisory_lock(7)")
        yield connection


class Running:
    """A run in a thread, of a query that works until the gate is open."""

    def __init__(
        self, directory: Path, postgres: Postgres, place: Place, service: Service, rest: str = GATE, **settings: Any
    ) -> None:
        place.begin(service)
        self.shop: Shop = shop(
            directory, place.url, QUERY.replace("THE_REST", rest), **{"line_items": False, **settings}
        )
        written = yaml.safe_load(self.shop.settings.read_text())
        written["warehouses"]["own"]["url"] = postgres.url
        self.shop.settings.write_text(yaml.safe_dump(written))
        self.stop, self._ended = threading.Event(), list[object]()
        self._run = threading.Thread(target=self._ran, daemon=True)
        self._run.start()

    def _ran(self) -> None:
        try:
            self._ended.append(run_orchestration(load_project(self.shop.directory, {}), NAME, stop=self.stop))
        except Exception as error:
            self._ended.append(error)

    def outcome(self) -> object:
        """The record of the run, or what it raised."""
        self._run.join(60)
        assert not self._run.is_alive()
        return self._ended[0]

    def completed(self) -> RunRecord:
        """The record of the run."""
        found = self.outcome()
        assert isinstance(found, RunRecord), found
        return found

    def record(self, run_id: str | None = None) -> RunRecord:
        """What the ledger says of a run, or of the last one."""
        with ledger_of(load_project(self.shop.directory, {})) as ledger:
            return ledger.runs.get(run_id) if run_id else ledger.runs.latest()[0]


def _wait_for(holds: Callable[[], bool]) -> None:
    ticks = threading.Event()
    for _ in range(400):
        if holds():
            return
        ticks.wait(0.05)
    raise AssertionError("it never came to that")


def test_events_arrive_while_the_warehouse_still_works_on_the_query(
    tmp_path: Path, postgres: Postgres, place: Place
) -> None:
    service = Service()
    with shut(postgres):
        running = Running(tmp_path / "shop", postgres, place, service)
        _wait_for(lambda: len(service.taken) >= 3)
        assert running.record().staged is False
    record = running.completed()
    assert (record.status, record.rows.read, record.rows.delivered) == ("completed", ROWS, ROWS)
    assert service.events == {f"e{number}": 1 for number in range(ROWS)}


@pytest.mark.parametrize(
    "settings", [pytest.param({"line_items": True}, marks=pytest.mark.thorough), {"max_reject_percent": 10}], ids=str
)
def test_nothing_leaves_early_where_a_later_row_could_change_it(
    tmp_path: Path, postgres: Postgres, place: Place, settings: dict[str, Any]
) -> None:
    service = Service()
    with shut(postgres):
        running = Running(tmp_path / "shop", postgres, place, service, **settings)
        runs = running.shop.state / "runs"
        _wait_for(lambda: any(path.stat().st_size > 16 * 3_000 for path in runs.glob("*/event-keys")))
        assert service.taken == []
    assert running.completed().rows.delivered == len(service.events) == ROWS


def test_a_service_that_takes_no_token_ends_the_reading(tmp_path: Path, postgres: Postgres, place: Place) -> None:
    service = Gated(then=Reply(40105, "Access token is incorrect or has been revoked.", 401))
    service.gate.set()
    with shut(postgres):
        running = Running(tmp_path / "shop", postgres, place, service)
        assert isinstance(running.outcome(), ResumableError)
    record = running.record()
    assert (record.status, record.staged, record.rows.delivered) == ("failed", False, 0)
    assert record.rows.read == record.rows.pending > 0
    service.then = None
    observer = Silent()
    finished = resume_run(load_project(running.shop.directory, {}), None, observer, threading.Event())
    assert (finished.run_id, finished.status, finished.rows.delivered) == (record.run_id, "completed", ROWS)
    assert service.events == {f"e{number}": 1 for number in range(ROWS)}


def test_a_run_that_is_interrupted_while_it_reads_is_read_again_and_sends_the_rest(
    tmp_path: Path, postgres: Postgres, place: Place
) -> None:
    service = Service()
    with shut(postgres):
        running = Running(tmp_path / "shop", postgres, place, service)
        _wait_for(lambda: len(service.taken) >= 2)
        running.stop.set()
        error = running.outcome()
    assert isinstance(error, Interrupted)
    assert "connector resume" in error.message
    first = running.record()
    assert (first.status, first.rows.balanced, first.rows.delivered > 0) == ("interrupted", True, True)
    later = run_orchestration(load_project(running.shop.directory, {}), NAME)
    assert later.rows.skipped == ROWS
    finished = running.record(first.run_id)
    assert (finished.status, finished.rows.read, finished.rows.delivered) == ("completed", ROWS, ROWS)
    assert finished.skips == {}
    assert service.events == {f"e{number}": 1 for number in range(ROWS)}


def test_a_warehouse_that_fails_half_way_has_sent_what_it_gave_and_loses_nothing(
    tmp_path: Path, postgres: Postgres, place: Place
) -> None:
    service = Service()
    with shut(postgres):
        running = Running(tmp_path / "shop", postgres, place, service, BROKEN)
        _wait_for(lambda: len(service.taken) >= 2)
    error = running.outcome()
    assert isinstance(error, SourceError)
    record = running.record()
    assert (record.status, record.rows.balanced, record.rows.pending) == ("failed", True, 0)
    assert record.rows.delivered == len(service.events) > 0
    assert f"{record.rows.delivered:,} rows had been delivered; `connector resume`" in error.message
    assert record.error == error.message
    running.shop.query.write_text(QUERY.replace("THE_REST", GATE))
    later = run_orchestration(load_project(running.shop.directory, {}), NAME)
    assert (later.rows.delivered, later.rows.skipped) == (0, ROWS)
    finished = running.record(record.run_id)
    assert (finished.status, finished.rows.read, finished.rows.delivered) == ("completed", ROWS, ROWS)
    assert service.events == {f"e{number}": 1 for number in range(ROWS)}


@pytest.mark.thorough
def test_an_event_that_is_refused_early_is_found_and_named(tmp_path: Path, postgres: Postgres, place: Place) -> None:
    service = Service(frozenset({"e1500"}))
    record = Running(tmp_path / "shop", postgres, place, service).completed()
    assert (record.status, record.rows.delivered) == ("completed_with_rejects", ROWS - 1)
    assert record.rejects == {"refused_by_tiktok": 1}
