from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from connector.simulator.server import Simulator
from connector.simulator.strictness import parse_strictness
from tests.simulator.client import Caller, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def start(clock: Clock) -> Iterator[Callable[..., tuple[Simulator, Caller]]]:
    """Starts a simulator with these settings, and a connection to it."""
    with ExitStack() as stack:

        def started(*strictness: str, **settings: Any) -> tuple[Simulator, Caller]:
            simulator = stack.enter_context(Simulator(clock=clock, strictness=parse_strictness(strictness), **settings))
            caller = Caller(simulator.url)
            stack.callback(caller.connection.close)
            return simulator, caller

        yield started


@pytest.fixture
def both(start: Callable[..., tuple[Simulator, Caller]]) -> tuple[Simulator, Caller]:
    return start()


@pytest.fixture
def simulator(both: tuple[Simulator, Caller]) -> Simulator:
    return both[0]


@pytest.fixture
def caller(both: tuple[Simulator, Caller]) -> Caller:
    return both[1]
