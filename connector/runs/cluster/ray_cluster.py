"""Connect to a Ray cluster, and run tasks on it. The only module that imports Ray."""

import io
import os
import pickle
import re
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from textwrap import shorten
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any

from connector.config.engine import AUTO, LOCAL, EngineSettings
from connector.core.redaction import redact
from connector.errors import ConnectorError, Interrupted, ResumableError
from connector.runs.cluster.task_process import run_task
from connector.runs.cluster.task_queue import Death, QueuedTask, TaskQueue

if TYPE_CHECKING:
    import ray

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_OUTPUT, _ERRORS = 1, 2
"""Numbers of files of every process."""
_TICK_SECONDS = 0.5
_CONNECT_SECONDS = 10.0
_AHEAD = 4
"""Tasks that are submitted for each core, so that none waits for the driver."""
_HEAD_SECONDS = 5.0
"""Seconds between two looks at the head of a cluster."""
_HEAD_PATIENCE, _HEAD_LIMIT = 30.0, 50.0
"""Seconds without a head after which a run fails, and after which it waits for no task: Ray ends the process at 60."""
_REFUSAL = "InvalidAuthToken"
"""Stands in errors of Ray about a token that is missing or incorrect."""
_NO_CLUSTER = "Could not find any running Ray instance"
"""Stands in the error of Ray about the address `auto`."""
_VERSION = re.compile(r"Ray: (\S+)\s+Python: (\S+)")
"""Stands twice in the error of Ray about other versions: those of the cluster come first."""
_MOST_MESSAGES, _LONGEST_MESSAGE = 20, 300
"""Messages of Ray in a run, and characters of each."""
_DEATH = "A worker died or was killed while executing a task"
"""Begins a message of Ray about a task that has a message of its own here."""
_DEATHS = {"WorkerCrashedError": Death.PROCESS, "OutOfMemoryError": Death.MEMORY, "NodeDiedError": Death.NODE}
"""Errors of Ray about a task that may run again."""
_AGAIN = object()
"""Stands for the result of a task that runs again."""
_COLOURS, _SENDER = re.compile(r"\x1b\[[\d;]*m"), re.compile(r"\A\(\w+\) ")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
Task = Callable[..., Any]
WindDown = Callable[[ConnectorError | None], bool]
"""Makes tasks end by themselves because of an error, or because the user stops the run (None). Called about twice a
second from then on; returns True once no task has anything left that is worth waiting for."""


@dataclass(slots=True)
class Head:
    """The head of a cluster, and since when it does not answer."""

    address: str
    """Its HOST:PORT; empty if it is not watched."""
    looked: float = 0.0
    """The moment of the last look."""
    lost: float | None = None
    """The moment since which it does not answer; None if it does."""

    def lost_seconds(self) -> float:
        """Return for how many seconds it has not answered; 0 if it does."""
        if self.address and monotonic() - self.looked >= _HEAD_SECONDS:
            self.looked = monotonic()
            self.lost = (self.lost or self.looked) if _fault(self.address) else None
        return monotonic() - self.lost if self.lost else 0.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """An open connection to a Ray cluster."""

    ray: Any
    cores: int
    """Cores of all nodes: the number of tasks that run at the same time."""
    messages: "Messages"
    """Collects the output of Ray."""
    note: Callable[[str], None]
    """Called with what Ray says of tasks that it runs again."""
    head: Head = field(default_factory=lambda: Head(""))
    """Its head, without which no task starts."""

    def run(
        self,
        task: Task,
        arguments: Sequence[tuple[Any, ...]],
        stop: Event,
        *,
        label: Callable[..., str] = lambda *_: "a task",
        on_tick: Callable[[], None] = lambda: None,
        wind_down: WindDown | None = None,
    ) -> Iterator[Any]:
        """Run a task for each tuple of arguments, and yield the results as they come.

        A task whose process or node dies is run again, until it died too often; messages name it by the `label` that
        its arguments give. Arguments must hold no secret and nothing about a person. `on_tick` is called about twice a
        second. Once `stop` is set, or a task has failed, `wind_down` makes the others end by themselves; without it
        they are ended. Raises what a task raises first, and Interrupted if there is no `wind_down`.
        """
        waiting = TaskQueue(QueuedTask(values, label(*values)) for values in arguments)
        submit, running, failure = self._submitter(task), dict[Any, QueuedTask](), None
        try:
            while waiting or running:
                for queued in islice(waiting.take_due(), _AHEAD * self.cores - len(running)):
                    running[submit(pickle.dumps(queued.arguments))] = queued
                ready = self._wait(list(running), stop)
                on_tick()
                for reference in ready:
                    outcome = self._outcome(reference, running.pop(reference), waiting)
                    if isinstance(outcome, ConnectorError):
                        failure = failure or outcome
                    elif outcome is not _AGAIN:
                        yield outcome
                for message in self.messages.take():
                    self.note(f"Ray: {message}")
                lost_seconds = self.head.lost_seconds()
                if lost_seconds > _HEAD_PATIENCE:
                    failure = failure or _lost_head(self.head.address)
                if stop.is_set() or failure:
                    waiting.clear()
                    if _is_wound_down(wind_down, failure) or lost_seconds > _HEAD_LIMIT:
                        break
        finally:
            self._cancel(list(running))
        if failure:
            raise failure from None

    def _submitter(self, task: Task) -> Callable[[bytes], Any]:
        """Return the function that hands a task to Ray, which must not retry: it would do so for ever."""
        options = {"num_cpus": 1, "max_retries": 0, "scheduling_strategy": "SPREAD", "name": task.__name__}
        remote = self.ray.remote(**options)(run_task)
        return partial(remote.remote, f"{task.__module__}:{task.__qualname__}")

    def _wait(self, running: Sequence[Any], stop: Event) -> Sequence[Any]:
        """Return a task that has ended, if there is one within a tick."""
        if not running:
            stop.wait(_TICK_SECONDS)
            return ()
        ready: list[Any] = self.ray.wait(running, num_returns=1, timeout=_TICK_SECONDS)[0]
        return ready

    def _outcome(self, reference: "ray.ObjectRef[Any]", queued: QueuedTask, waiting: TaskQueue) -> Any:
        """Return what a task returned, the error that it raised, or _AGAIN if it died and waits to run again."""
        outcome = self._result(reference)
        if not isinstance(outcome, Death):
            return outcome
        if given_up := queued.died(outcome):
            return given_up
        self.messages.write(f"{queued.label}: {outcome.value}; it runs again.")
        waiting.put_back(queued)
        return _AGAIN

    def _result(self, reference: "ray.ObjectRef[Any]") -> Any:
        """Return what a task returned, the error that it raised, or its death."""
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayTaskError as failed:
            cause = failed.cause
            if isinstance(cause, ConnectorError):
                return cause
            return ResumableError(f"A task failed: unexpected {type(cause).__name__}. `connector resume` goes on.")
        except self.ray.exceptions.RayError as lost:
            return _DEATHS.get(type(lost).__name__) or ResumableError(
                f"Ray lost a task: {_first_line(lost).rstrip('.')}. `connector resume` goes on."
            )

    def _cancel(self, references: Sequence[Any]) -> None:
        """End tasks that nobody waits for any more. What they wrote does not count."""
        for reference in references:
            with suppress(Exception):
                self.ray.cancel(reference, force=True)


def _lost_head(address: str) -> ResumableError:
    return ResumableError(
        f"The head of the cluster at {address} is gone: start the cluster again; `connector resume` goes on."
    )


def _is_wound_down(wind_down: WindDown | None, failure: ConnectorError | None) -> bool:
    if wind_down is not None:
        return wind_down(failure)
    raise failure or Interrupted("Interrupted. `connector resume` goes on.")


class Messages(io.StringIO):
    """Collects the output of Ray in a thread, so that it does not reach the standard output."""

    def __init__(self) -> None:
        super().__init__()
        self._new, self._known = deque[str](), set[str]()

    def write(self, text: str) -> int:
        """Keep the first line of what is printed at once."""
        line = next(iter(_SENDER.sub("", _COLOURS.sub("", text)).strip().splitlines()), "")
        if line and not line.startswith(_DEATH):
            self._new.append(shorten(line, _LONGEST_MESSAGE, placeholder=" ..."))
        return len(text)

    def take(self) -> Iterator[str]:
        """Yield the messages that were not there before, up to a limit."""
        while self._new:
            message = redact(self._new.popleft())
            if message not in self._known and len(self._known) < _MOST_MESSAGES:
                self._known.add(message)
                yield message


@contextmanager
def connect(settings: EngineSettings, note: Callable[[str], None] = lambda _: None) -> Iterator[Cluster]:
    """Connect to the Ray cluster of an engine until the block ends. Raises ResumableError if that fails.

    Within the block, what is printed becomes notes: Ray prints to the standard output, which belongs to results.
    """
    _refuse_unreachable(settings)
    ray, messages = _imported(settings), Messages()
    with _output_to_stderr(), _signals_kept():
        _start(ray, settings)
    with redirect_stdout(messages):
        try:
            if ray.available_resources().get("CPU", 0) < 1:
                note(f'No core of the engine "{settings.name}" is free: the run waits for one.')
            head = Head(ray.get_runtime_context().gcs_address)
            yield Cluster(ray, max(1, int(ray.cluster_resources().get("CPU", 1))), messages, note, head)
        finally:
            # It prints what it has not printed yet.
            ray.shutdown()


def _refuse_unreachable(settings: EngineSettings) -> None:
    """Raise ResumableError if nothing answers at the address of a cluster: Ray would wait for minutes."""
    address = os.environ.get("RAY_ADDRESS", "") if settings.address == AUTO else settings.address
    if fault := _fault(address):
        raise ResumableError(
            f'The engine "{settings.name}" cannot be reached at {address}: {fault}. Start the '
            "cluster, or correct its address; `connector resume` goes on."
        )


def _fault(address: str) -> str | None:
    """Return why nothing answers at HOST:PORT; None if something does, or the address is another one."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        return None
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _imported(settings: EngineSettings) -> Any:
    """Import Ray with the environment that it reads when it is imported; what the user has set stays."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    if settings.address.startswith(_LOOPBACK):
        # Else Ray replaces the loopback address by another one of this machine, and waits for minutes.
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    if "RAY_AUTH_MODE" not in os.environ and settings.address != LOCAL and _has_token():
        os.environ["RAY_AUTH_MODE"] = "token"
    import ray

    return ray


def _has_token() -> bool:
    is_named = any(name in os.environ for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    return is_named or (Path.home() / ".ray" / "auth_token").exists()


def _start(ray: Any, settings: EngineSettings) -> None:
    quiet = {"log_to_driver": False, "configure_logging": False, "include_dashboard": False}
    options = (
        {"address": LOCAL, "num_cpus": os.cpu_count(), "_node_ip_address": "127.0.0.1"}
        if settings.address == LOCAL
        else {"address": settings.address}
    )
    if settings.address != LOCAL:
        del quiet["include_dashboard"]
    try:
        ray.init(**options, **quiet)
    except Exception as error:
        raise ResumableError(
            f'The engine "{settings.name}" cannot be reached at {settings.address}: {_reason(error)}'
        ) from None


@contextmanager
def _output_to_stderr() -> Iterator[None]:
    """Send what Ray's libraries write to the standard output to the standard error: the output belongs to results."""
    try:
        kept = os.dup(_OUTPUT)
    except OSError:
        # There is no output that anything could spoil.
        yield
        return
    try:
        os.dup2(_ERRORS, _OUTPUT)
        yield
    finally:
        os.dup2(kept, _OUTPUT)
        os.close(kept)


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep the handlers of signals: Ray replaces them by ones that end this process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _reason(error: BaseException) -> str:
    text = str(error.__cause__ or error)
    if _REFUSAL in text:
        return (
            "it asks for a token, and that of this process is missing or incorrect. Set RAY_AUTH_MODE=token, and "
            "RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH to the token of the cluster; `connector resume` goes on."
        )
    if _NO_CLUSTER in text:
        return (
            "this machine belongs to no cluster. Start one with `ray start`, or set RAY_ADDRESS to HOST:PORT of its "
            "head; `connector resume` goes on."
        )
    if len(versions := _VERSION.findall(text)) == 2:
        there, here = (f"Ray {ray} and Python {python}" for ray, python in versions)
        return f"it has {there}, this process {here}. Install the same versions; `connector resume` goes on."
    return _first_line(error)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
