"""A run while it goes on."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, event

from connector.console.security.limits import STREAMS_OF_ONE
from connector.console.server import ConsoleServer
from tests.cli.command import ended, started
from tests.cli.shop import GOOD, NAME, shop
from tests.cli.tiktok import OK, Reply, serving
from tests.console.conftest import Visitor, sign_in
from tests.console.conftest import serving as console_of


@dataclass
class Slow:
    """A run that waits for its answer, and the console that shows it."""

    server: ConsoleServer
    run_id: str
    answered: threading.Event


@contextmanager
def slow_run(folder: Any, code: int = 0) -> Iterator[Slow]:
    answered = threading.Event()

    def answer(_: dict[str, Any]) -> Reply:
        answered.wait(60)
        return OK

    with serving(answer) as tiktok:
        made = shop(folder / "shop", tiktok.url, GOOD.format(rows=50))
        with console_of(made.directory) as server:
            visitor = sign_in(server)
            process = started("run", NAME, project=made.directory)
            try:
                until = time.monotonic() + 60
                while "badge running" not in visitor.get("/").text:
                    assert time.monotonic() < until
                    time.sleep(0.2)
                place = visitor.get("/runs/latest").headers["location"]
                yield Slow(server, place.rpartition("/")[2], answered)
            finally:
                answered.set()
                assert ended(process).code == code


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slow]:
    with slow_run(tmp_path_factory.mktemp("slow")) as run:
        yield run


def events(visitor: Visitor, path: str) -> Iterator[tuple[str, str]]:
    """The events of a stream: name and data."""
    with visitor.client.stream("GET", path) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
        name = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            if line.startswith("data: "):
                yield name, line.removeprefix("data: ")


def test_the_page_says_how_far_it_is(slow: Slow) -> None:
    page = sign_in(slow.server).get(f"/runs/{slow.run_id}").text
    assert f'data-live="/runs/{slow.run_id}/events"' in page
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page
    assert "Running" in page or "Sending" in page


def test_streams_of_one_session_are_limited_and_given_back(slow: Slow) -> None:
    visitor, path = sign_in(slow.server), f"/runs/{slow.run_id}/events"
    opened = [events(visitor, path) for _ in range(STREAMS_OF_ONE)]
    for one in opened:
        next(one)
    assert visitor.get(path).status_code == 503
    for one in opened:
        one.close()  # type: ignore[attr-defined]
    until = time.monotonic() + 10
    while slow.server.console.streams.open_now:
        assert time.monotonic() < until
        time.sleep(0.1)
    again = events(visitor, path)
    assert next(again)[0] == "state"
    again.close()  # type: ignore[attr-defined]


def test_statements_do_not_grow_with_readers(slow: Slow) -> None:
    counted: list[str] = []

    def count(_: object, __: object, statement: str, *___: object) -> None:
        counted.append(statement)

    numbers = []
    for readers in (1, 8):
        streams = [events(sign_in(slow.server), f"/runs/{slow.run_id}/events") for _ in range(readers)]
        for one in streams:
            next(one)
        counted.clear()
        event.listen(Engine, "before_cursor_execute", count)
        time.sleep(2.2)
        event.remove(Engine, "before_cursor_execute", count)
        numbers.append(len(counted))
        for one in streams:
            one.close()  # type: ignore[attr-defined]
    assert 0 < numbers[1] <= 2 * numbers[0]


def test_a_run_is_watched_to_its_end(tmp_path: Any) -> None:
    with slow_run(tmp_path) as run:
        visitor = sign_in(run.server)
        stream = events(visitor, f"/runs/{run.run_id}/events")
        name, data = next(stream)
        picture = json.loads(data)
        assert (name, picture["status"]) == ("state", "running")
        assert visitor.get(f"/runs/{run.run_id}/state").json()["status"] == "running"
        run.answered.set()
        *_, last = stream
        assert last == ("end", "completed")
        assert visitor.get(f"/runs/{run.run_id}/events").status_code == 204
        assert visitor.get("/runs/nothing/events").status_code == 404
        assert "Every row is accounted for" in visitor.get(f"/runs/{run.run_id}").text


def test_the_console_ends_soon_with_streams_open(tmp_path: Any) -> None:
    with slow_run(tmp_path) as run:
        stream = events(sign_in(run.server), f"/runs/{run.run_id}/events")
        next(stream)
        before = time.monotonic()
        run.server.__exit__()
        assert time.monotonic() - before < 3
