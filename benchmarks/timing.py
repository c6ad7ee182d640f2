"""Seconds, on the clock and of the processor, and medians of them."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, order=True)
class Timing:
    """One measurement; `cpu` is what all threads of this process used."""

    seconds: float
    cpu: float


def timed(work: Callable[[], _Result]) -> tuple[Timing, _Result]:
    """How long `work` takes, and its result."""
    started, cpu = time.perf_counter(), time.process_time()
    result = work()
    return Timing(time.perf_counter() - started, time.process_time() - cpu), result


def median(timings: Sequence[Timing]) -> Timing:
    """The measurement in the middle by the clock; the slower one of two."""
    return sorted(timings)[len(timings) // 2]


@contextmanager
def one_core() -> Iterator[None]:
    """Holds this thread, and those it starts, to one core, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
