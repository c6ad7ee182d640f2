"""Processes beside the tests' own, which do the same thing at the same moment."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from multiprocessing.synchronize import Barrier, Event
from typing import Any, TypeVar

COUNT = 4
LOADED = (
    "connector.ledger.ledger",
    "psycopg",
    "pytest",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
)
_SECONDS = 60
_Given = TypeVar("_Given")
_start: Barrier


@dataclass(frozen=True)
class Processes:
    """So many processes, each with a number from 0."""

    pool: ProcessPoolExecutor

    def all_at_once(self, do: Callable[..., _Given], *args: Any) -> list[_Given]:
        """Every process calls `do(*args, number)`; raises what one of them raised."""
        calls = [self.pool.submit(_together, do, (*args, number)) for number in range(COUNT)]
        return [call.result(_SECONDS) for call in calls]


@contextmanager
def processes() -> Iterator[Processes]:
    """Processes without the threads and connections of this one."""
    context = new_interpreter()
    with ProcessPoolExecutor(COUNT, context, _keep, (context.Barrier(COUNT),)) as pool:
        yield Processes(pool)


def new_interpreter() -> ForkServerContext:
    """What starts processes as copies of an interpreter that has loaded a ledger and done nothing else."""
    context = get_context("forkserver")
    context.set_forkserver_preload([*LOADED])
    return context


def _keep(barrier: Barrier) -> None:
    global _start
    _start = barrier


def _together(do: Callable[..., _Given], args: tuple[Any, ...]) -> _Given:
    """Waits until each of the others has been given its call, so that no process gets two of them."""
    _start.wait(_SECONDS)
    return do(*args)


def process_id(_: int) -> int:
    """Which process this is."""
    return os.getpid()


@contextmanager
def killed_while(do: Callable[..., Iterator[None]], *args: Any) -> Iterator[int]:
    """A process that has gone through `do(*args)` as far as its `yield`; it is killed there. Gives its id."""
    context = new_interpreter()
    reached = context.Event()
    process = context.Process(target=_stays, args=(reached, do, args), daemon=True)
    process.start()
    try:
        assert reached.wait(_SECONDS)
        assert process.pid is not None
        yield process.pid
    finally:
        process.kill()
        process.join()


def _stays(reached: Event, do: Callable[..., Iterator[None]], args: tuple[Any, ...]) -> None:
    for _ in do(*args):
        reached.set()
        time.sleep(_SECONDS)
