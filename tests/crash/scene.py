"""A project at some point of its life, which many tests go on from, each with a copy."""

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.cli.command import environment, inside
from tests.cli.shop import NAME, Shop, shop
from tests.crash import market
from tests.crash.launcher import Ended, Order
from tests.crash.service import Place, Service, Taken

POISONED = frozenset({f"e{market.POISONED}"})
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Moment:
    """The `number`-th time that a function, `module:name` within the connector, is entered or left."""

    function: str
    when: str
    number: int = 1

    def __str__(self) -> str:
        return f"{self.when} {self.function} {self.number}"


class Launcher:
    """A process that starts others and kills them."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ended(self, order: Order) -> int:
        """The exit code of a command, or less than zero the signal that killed it."""
        return self.outcome(order).code

    def outcome(self, order: Order) -> Ended:
        """Run a command and tell how it ended."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(asdict(order)) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))


@contextmanager
def launching() -> Iterator[Launcher]:
    """A launcher that has loaded the product."""
    command = [sys.executable, "-m", "tests.crash.launcher"]
    with subprocess.Popen(
        command, env=environment(None), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Launcher(process)


@dataclass(frozen=True)
class World:
    """What is the same for all tests: the address of the service, and who starts processes."""

    place: Place
    launcher: Launcher


@dataclass(frozen=True)
class Scene:
    """A project folder that stays as it is, and what the service had taken by then."""

    directory: Path
    world: World
    taken: tuple[Taken, ...] = ()

    def copied(self, directory: Path, service: Service | None = None) -> "Play":
        """A copy to go on from, and the service that goes on with it; unless another is given, it refuses an event."""
        shutil.copytree(self.directory, directory)
        service = service or Service(POISONED)
        service.taken[:0] = self.taken
        self.world.place.begin(service)
        return Play(Shop(directory), service, self.world)


@dataclass
class Play:
    """A project that things happen to."""

    shop: Shop
    service: Service
    world: World

    def killed(self, moment: Moment, *command: str) -> None:
        """Runs a command whose process is killed at that moment; a moment that never comes is a failure."""
        function = f"connector.{moment.function}"
        order = Order(*self._what(command), function=function, when=moment.when, number=moment.number)
        assert self.world.launcher.ended(order) == KILLED, f"{moment} never came: {Path(order.output).read_text()}"

    def ended_well(self, *command: str) -> None:
        """Runs a command to its end."""
        order = Order(*self._what(command))
        assert self.world.launcher.ended(order) == 0, Path(order.output).read_text()

    def kept(self) -> Scene:
        """Where it has come to, to go on from."""
        return Scene(self.shop.directory, self.world, tuple(self.service.taken))

    def _what(self, command: tuple[str, ...]) -> tuple[str, list[str], str]:
        return str(self.shop.directory), list(command), f"{self.shop.directory}.output"


def grown(directory: Path, world: World, **destination: object) -> Play:
    """The first day is delivered, the second day's rows are there and nothing is poisoned yet."""
    service = Service()
    world.place.begin(service)
    made = shop(directory, world.place.url, market.QUERY, destination={"max_in_flight": 1, **destination})
    market.build(made.warehouse)
    first = inside("run", NAME, "--json", project=made.directory)
    assert (first.code, first.json["status"]) == (0, "completed"), first
    market.grow(made.warehouse)
    return Play(made, service, world)
