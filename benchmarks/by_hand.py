"""A DuckDB file to acknowledged requests by hand: row by row, in Python."""

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import httpx

from benchmarks.data import TABLE
from benchmarks.project import EVENT_SET_ID, FIXED_EVENT_NAME
from benchmarks.python_reference import Settings, rows_to_bodies

POSTING_THREADS = 8
_FETCHED_AT_ONCE = 10_000


def reference(file: Path, url: str, settings: Settings, threads: int) -> int:
    """The same by hand: rows as dictionaries, bodies posted by one client from `threads` threads.

    Gives the number of requests. Raises httpx.HTTPError, or ValueError where the answer is not code 0.
    """
    with duckdb.connect(str(file), read_only=True) as connection, httpx.Client(timeout=60, trust_env=False) as client:
        return _posted(client, url, rows_to_bodies(dict_rows(connection), settings), threads)


def singly(file: Path, url: str, rows: int, threads: int = 1) -> int:
    """The first `rows` rows the same way, but with one event a request, as Segment's destination sends."""
    with duckdb.connect(str(file), read_only=True) as connection, httpx.Client(timeout=60, trust_env=False) as client:
        bodies = rows_to_bodies(islice(dict_rows(connection), rows), reference_settings(), batch=1)
        return _posted(client, url, bodies, threads)


def reference_settings() -> Settings:
    """The project's settings, as the reference takes them."""
    return Settings(int(datetime.now(UTC).timestamp()), EVENT_SET_ID, FIXED_EVENT_NAME)


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


def _posted(client: httpx.Client, url: str, bodies: Iterable[bytes], threads: int) -> int:
    post = Post(client, f"{url}/open_api/v1.3/event/track/")
    return sum(map(post, bodies)) if threads == 1 else _in_threads(post, bodies, threads)


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
