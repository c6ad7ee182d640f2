"""Kill commands at seeded moments that are spread over their whole lives, and check what is left in the end.

A scenario says what is killed, what goes on afterwards and what has to hold then. A round of kills divides the life of
the command into as many stretches as there are kills and kills once in each: a kill that came too late is repeated.
Every other kill goes by time, which meets what happens below Python, such as a write to the disk; the others by the
number of calls, which meets every phase however busy the machine is.
"""

import os
import random
import shutil
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.crash.launcher import Order, calls_file
from tests.crash.scene import KILLED, Scene, World

ROUND = 10
"""Kills of a round of `make crash`."""
ATTEMPTS = 6
"""How often a kill is tried until the command is still there to be killed."""
SEED = int(os.environ.get("CRASH_SEED", "0"))
KILLS = os.environ.get("CRASH_KILLS")


Scenes = Callable[[str], Scene]
"""Give a scene that tests share, by the name of its fixture."""


class Scenario(ABC):
    """A command that is killed: a new project each time, from the same beginning.

    `seconds` is about how long the command lives; a round of several kills measures it.
    """

    name: str
    kills = 40
    """Of `make crash`, unless CRASH_KILLS says otherwise."""
    seconds = 1.0
    phases = 3
    """In how many phases of the command a round hits it, at least."""
    accepted: tuple[int, ...] = (0,)
    """The exit codes with which the command ends where it is not killed."""

    def __init__(self, directory: Path, world: World, scene: Scenes) -> None:
        self.world, self.scene_called, self.chance = world, scene, random.Random(0)
        self.services = ExitStack()
        self.prepare(directory)

    @property
    @abstractmethod
    def project(self) -> Path:
        """The project folder of this time."""

    @abstractmethod
    def prepare(self, directory: Path) -> None:
        """Make what every time begins with."""

    @abstractmethod
    def begin(self, directory: Path) -> None:
        """Copy it to a folder."""

    @abstractmethod
    def commands(self) -> Iterator[list[str]]:
        """Give the commands that are killed one after the other: the first certainly, others if they live so long."""

    def once_or_twice(self, *command: str, chance: float = 1 / 3) -> Iterator[list[str]]:
        """Yield a command, and sometimes the same again."""
        for _ in range(2 if self.chance.random() < chance else 1):
            yield list(command)

    @abstractmethod
    def phase(self) -> str:
        """Tell how far the first command had come when it was killed."""

    @abstractmethod
    def resume(self) -> None:
        """Go on, as a user does, until all is done."""

    @abstractmethod
    def check(self) -> None:
        """Assert that everything adds up."""

    def abandon(self) -> None:  # noqa: B027 - most have nothing to do
        """Leave what was begun, since the command was not killed."""

    def close(self) -> None:
        """Stop what was started."""
        self.services.close()

    def killed(self, command: list[str], *, seconds: float | None = None, calls: int | None = None) -> "Life | None":
        """Run a command in a process of its own and kill it; gives its life where it came to its end before."""
        output = f"{self.project}.output"
        order = Order(str(self.project), command, output, seconds=seconds, calls=calls)
        ended = self.world.launcher.outcome(order)
        assert ended.code in {KILLED, *self.accepted}, (command, ended, Path(output).read_text())
        if ended.code == KILLED:
            return None
        return Life(ended.seconds, int(calls_file(output).read_text()) if calls is not None else None)

    def life(self, directory: Path) -> "Life":
        """How long the first command lives where nobody kills it; it has to leave everything as it should be."""
        lives = []
        for name, calls in (("timed", None), ("counted", 0)):
            self.begin(directory / name)
            lives.append(self.killed(next(self.commands()), calls=calls))
            self.resume()
            self.check()
        timed, counted = lives
        assert timed and counted
        return Life(timed.seconds, counted.calls)


@dataclass(frozen=True)
class Life:
    """How long a command lives: in seconds, and in calls where these were counted."""

    seconds: float
    calls: int | None = None

    def until(self, share: float, *, by_calls: bool) -> dict[str, Any]:
        """When to kill it, at this share of its life."""
        return {"calls": 1 + int(share * self.calls)} if by_calls and self.calls else {"seconds": share * self.seconds}

    def corrected(self, other: "Life") -> "Life":
        """This life, as far as it was seen since to be shorter."""
        if other.calls is not None:
            return replace(self, calls=other.calls)
        return replace(self, seconds=0.9 * min(self.seconds, other.seconds))


def rounds(kills: int) -> Iterator[tuple[int, int]]:
    """The numbers of the rounds, and how many kills each has."""
    for number, first in enumerate(range(0, kills, ROUND)):
        yield number, min(ROUND, kills - first)


def kills_of(scenario: type[Scenario]) -> int:
    """How many kills `make crash` has for a scenario."""
    return int(KILLS) if KILLS else scenario.kills


def play_round(scenario: Scenario, folder: Path, seed: str, kills: int) -> Counter[str]:
    """Kill so many times; give in which phases. What fails names the seed and the kill."""
    scenario.chance = random.Random(seed)
    life = scenario.life(folder / "whole") if kills > 1 else Life(scenario.seconds)
    phases: Counter[str] = Counter()
    for number in range(kills):
        place = folder / f"kill{number}"
        try:
            share = (number + scenario.chance.random()) / kills
            life, later = _kill(scenario, place, share, life, by_calls=number % 2 == 1)
            phases[scenario.phase()] += 1
            for command in later:
                scenario.killed(command, seconds=scenario.chance.uniform(0, life.seconds))
            scenario.resume()
            scenario.check()
        except BaseException as error:
            error.add_note(f"{scenario.name}, seed {seed}, kill {number} of {kills}, phases {dict(phases)}")
            raise
        for path in folder.glob(f"{place.name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return phases


def _kill(
    scenario: Scenario, place: Path, share: float, life: Life, *, by_calls: bool
) -> tuple[Life, Iterator[list[str]]]:
    """Kill the first command at this share of its life; gives its life, as far as is known by then, and the commands to
    kill next.
    """
    for attempt in range(ATTEMPTS):
        scenario.begin(place.with_name(f"{place.name}-{attempt}"))
        commands = scenario.commands()
        ended = scenario.killed(next(commands), **life.until(share, by_calls=by_calls))
        if ended is None:
            return life, commands
        scenario.abandon()
        life = life.corrected(ended)
    raise AssertionError(f"The command always ended before {share:.2f} of its life: {life}")
