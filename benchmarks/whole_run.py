"""A DuckDB file to acknowledged requests, by the product and by the Python reference."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import duckdb
import httpx

from benchmarks.data import TABLE
from benchmarks.project import ORCHESTRATION, load, stage_bytes
from benchmarks.python_reference import Settings, rows_to_bodies
from connector.ledger.records import RunRecord
from connector.pipeline.observer import Silent
from connector.pipeline.run import run_orchestration

POSTING_THREADS = 8
_FETCHED_AT_ONCE = 10_000


@dataclass
class Phases(Silent):
    """When the stage of a run was complete, in seconds since it began, and how large it was in bytes."""

    directory: Path
    staging: float = 0.0
    stage_bytes: int = 0
    _started: float = field(default_factory=perf_counter)

    def staged(self, events: int, requests: int) -> None:  # noqa: ARG002 - the observer's signature
        """See `Observer.staged`."""
        self.staging = perf_counter() - self._started
        self.stage_bytes = stage_bytes(self.directory)


def product(directory: Path) -> tuple[RunRecord, Phases]:
    """`connector run`, without the start of Python."""
    phases = Phases(directory)
    return run_orchestration(load(directory), ORCHESTRATION, observer=phases), phases


def reference(file: Path, url: str, settings: Settings, threads: int) -> int:
    """The same by hand: rows as dictionaries, bodies posted by one client from `threads` threads.

    Gives the number of requests. Raises httpx.HTTPError, or ValueError where the answer is not code 0.
    """
    with duckdb.connect(str(file), read_only=True) as connection, httpx.Client(timeout=60, trust_env=False) as client:
        post = Post(client, f"{url}/open_api/v1.3/event/track/")
        bodies = rows_to_bodies(dict_rows(connection), settings)
        return sum(map(post, bodies)) if threads == 1 else _in_threads(post, bodies, threads)


def dict_rows(connection: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    """All rows as dictionaries."""
    cursor = connection.execute(f"FROM {TABLE}")
    names = [column[0] for column in cursor.description]
    while rows := cursor.fetchmany(_FETCHED_AT_ONCE):
        for row in rows:
            yield dict(zip(names, row, strict=True))


@dataclass(frozen=True, slots=True)
class Post:
    client: httpx.Client
    url: str

    def __call__(self, body: bytes) -> int:
        headers = {"Access-Token": "sink", "Content-Type": "application/json"}
        answer = self.client.post(self.url, content=body, headers=headers).raise_for_status()
        if answer.json()["code"] != 0:
            raise ValueError("the sink refused a request")
        return 1


def _in_threads(post: Post, bodies: Iterable[bytes], threads: int) -> int:
    places = threading.BoundedSemaphore(2 * threads)

    def carry(body: bytes) -> int:
        try:
            return post(body)
        finally:
            places.release()

    under_way = []
    with ThreadPoolExecutor(threads) as pool:
        for body in bodies:
            places.acquire()
            under_way.append(pool.submit(carry, body))
    return sum(done.result() for done in under_way)
