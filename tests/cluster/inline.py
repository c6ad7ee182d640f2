"""A cluster without machines: tasks run in this process, but all that they are told and return is pickled."""

import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest

from connector.runs.cluster import driver
from connector.runs.cluster.ray_cluster import Cluster, Messages
from connector.runs.cluster.worker import close_kept


@dataclass(frozen=True)
class Inline(Cluster):
    """Runs tasks one after the other, as Ray would run them at once."""

    travelled: list[bytes] = field(default_factory=list)
    """Everything that would have gone from machine to machine."""

    def run(self, task: Any, arguments: Sequence[tuple[Any, ...]], stop: Event, **_: Any) -> Iterator[Any]:
        """See `Cluster.run`. A task must be one whose errors quote no value."""
        assert task.__wrapped__
        for given in arguments:
            self.travelled.append(pickle.dumps((task, given)))
            function, values = pickle.loads(self.travelled[-1])
            self.travelled.append(pickle.dumps(function(*values)))
            yield pickle.loads(self.travelled[-1])


def run_inline(patch: pytest.MonkeyPatch) -> Inline:
    """Let engines be such a cluster of two cores, and return it."""
    cluster = Inline(None, 2, Messages(), lambda _: None)

    @contextmanager
    def connect(*_: object) -> Iterator[Cluster]:
        yield cluster
        close_kept()

    patch.setattr(driver, "connect", connect)
    return cluster
