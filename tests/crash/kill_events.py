"""Events: a run, what goes on with it, a retry, and a stage or a ledger of which bits are flipped meanwhile."""

import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.cli.command import checked, inside
from tests.cli.shop import NAME, Shop, shop
from tests.crash import market, test_early
from tests.crash.account import check, check_runs, has_tables, open_runs, rejects, requests_known, whole_runs
from tests.crash.kills import Life, Scenario
from tests.crash.launcher import Order
from tests.crash.scene import Play, Scene
from tests.crash.service import Service

IN_FLIGHT = 3
PROBES = 8
"""Answers to single events that are tried are written down together."""


class EventScenario(Scenario):
    """A project with a destination of events."""

    scene: Scene
    play: Play

    @property
    def project(self) -> Path:
        return self.play.shop.directory

    def begin(self, directory: Path) -> None:
        self.play = self.scene.copied(directory)

    def phase(self) -> str:
        """How far the newest run has come, as the ledger tells."""
        return run_phase(self.play.shop.state / "ledger.sqlite")

    def resume(self) -> None:
        how = "resume" if open_runs(self.play.shop) and self.chance.random() < 0.5 else "run"
        self.done(how, *([NAME] if how == "run" else []))

    def done(self, *command: str) -> dict[str, Any]:
        """What a command prints that ends well."""
        outcome = inside(*command, "--json", project=self.project)
        assert outcome.code == 0, outcome
        return outcome.json


def run_phase(ledger: Path, since: int = 0) -> str:
    """How far the newest of the runs after the first `since` has come."""
    if not has_tables(ledger):
        return "no ledger"
    with closing(sqlite3.connect(ledger)) as connection:
        runs = connection.execute("SELECT run_id, status, staged FROM runs ORDER BY started_at").fetchall()[since:]
        if not runs:
            return "no run"
        run_id, status, staged = runs[-1]
        states = list(connection.execute("SELECT state FROM batches WHERE run_id = ?", [run_id]))
    if status != "running":
        return "ended"
    settled = sum(state not in {"pending", "sending"} for (state,) in states)
    if not staged:
        return f"reading, {'sending' if settled else 'nothing sent'}"
    return f"sending, {'less' if 2 * settled < len(states) else 'more'} than half sent"


class KilledRun(EventScenario):
    """A run whose rows are line items; every third time, what goes on is killed as well."""

    name = "run"
    kills = 80
    seconds = 1.2
    phases = 3
    killed_before = 0
    """How many commands were killed in the scene that it begins with."""

    def prepare(self, directory: Path) -> None:
        self.scene = self.scene_called("second_day")

    def begin(self, directory: Path) -> None:
        super().begin(directory)
        settings = self.play.shop.settings
        settings.write_text(settings.read_text().replace("max_in_flight: 1", f"max_in_flight: {IN_FLIGHT}"))
        self.commands_killed = self.killed_before

    def killed(self, command: list[str], *, seconds: float | None = None, calls: int | None = None) -> Life | None:
        self.commands_killed += 1
        return super().killed(command, seconds=seconds, calls=calls)

    def commands(self) -> Iterator[list[str]]:
        return self.once_or_twice("run", NAME)

    def check(self) -> None:
        assert open_runs(self.play.shop) == []
        assert len(check(self.play, market.expected())) <= (IN_FLIGHT + PROBES) * self.commands_killed
        check_runs(self.play, whole_runs(self.play.shop))


class KilledStream(EventScenario):
    """A run that sends what it has not read to the end."""

    name = "run that sends while it reads"
    kills = 80
    seconds = 0.5

    def prepare(self, directory: Path) -> None:
        service = Service()
        self.world.place.begin(service)
        made = shop(
            directory, self.world.place.url, test_early.QUERY, destination={"max_in_flight": 2}, line_items=False
        )
        self.scene = Play(made, service, self.world).kept()

    def begin(self, directory: Path) -> None:
        self.play = self.scene.copied(directory, Service())

    def commands(self) -> Iterator[list[str]]:
        return self.once_or_twice("run", NAME)

    def check(self) -> None:
        self.done("run", NAME)
        runs = [checked(run) for run in inside("runs", "--json", project=self.project).json["runs"]]
        assert {run["status"] for run in runs} == {"completed_with_rejects"}
        assert {run["rows"]["read"] for run in runs} == {test_early.READ}
        assert sum(run["rows"]["delivered"] for run in runs) == test_early.EVENTS
        for run in runs:
            assert run["rows"]["pending"] == 0
            assert rejects(self.play.shop, run["run_id"]).total() == test_early.BAD
        told_once(self.play, {f"e{number}" for number in range(test_early.EVENTS)}, 4)


def told_once(play: Play, expected: set[str], most_lost: int) -> None:
    """Each event was taken, and known to be, once; no more requests than that were taken unheard."""
    known = requests_known(play.shop)
    told = [taken for taken in play.service.taken if taken.request_id in known]
    assert Counter(event_id for taken in told for event_id in taken.ids) == Counter(dict.fromkeys(expected, 1))
    assert len(play.service.taken) - len(told) <= most_lost


class KilledResume(KilledRun):
    """A run that was killed while it halved a batch is resumed, and resumed again: both are killed."""

    name = "resume"
    kills = 40
    seconds = 0.5
    phases = 2
    killed_before = 1

    def prepare(self, directory: Path) -> None:
        self.scene = self.scene_called("halved")

    def commands(self) -> Iterator[list[str]]:
        for _ in range(2):
            if open_runs(self.play.shop):
                yield ["resume"]


class KilledRetry(EventScenario):
    """What is wrong with rows has been put right, and a retry of them is killed."""

    name = "retry"
    kills = 30
    seconds = 0.4
    phases = 2

    def prepare(self, directory: Path) -> None:
        self.scene = self.scene_called("mended")
        self.play = Play(Shop(self.scene.directory), Service(), self.world)
        (self.retried,) = whole_runs(self.play.shop)

    def begin(self, directory: Path) -> None:
        self.play = self.scene.copied(directory, Service())

    def commands(self) -> Iterator[list[str]]:
        return self.once_or_twice("retry", self.retried)

    def phase(self) -> str:
        return run_phase(self.play.shop.state / "ledger.sqlite", since=2)

    def resume(self) -> None:
        """Retry again, before or after what is open has come to its end."""
        if self.chance.random() < 0.5:
            self.done("retry", self.retried)
        while open_runs(self.play.shop):
            self.done("resume")
        self.done("retry", self.retried)

    def check(self) -> None:
        assert open_runs(self.play.shop) == []
        assert len(check(self.play, market.expected(mended=True))) <= 2
        check_runs(self.play, [self.retried])


Damage = Callable[[Path, random.Random], object]


def flip_bits(path: Path, chance: random.Random) -> None:
    """Flip a bit, or some, of a file."""
    content = bytearray(path.read_bytes())
    for place in chance.choices(range(len(content)), k=chance.choice([1, 1, 3])) if content else []:
        content[place] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def _cut(path: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])


DAMAGES: list[Damage] = [flip_bits, flip_bits, flip_bits, _cut, lambda path, _: path.unlink()]


class KilledHealing(KilledResume):
    """A file of a stage is damaged, and whoever reads its rows again is killed; and the file may be damaged again."""

    name = "healing of a damaged stage"
    kills = 50
    seconds = 1.2

    def begin(self, directory: Path) -> None:
        super().begin(directory)
        assert self.damage()

    def damage(self) -> bool:
        """Damage a file of an open run's stage; gives whether there is one."""
        files = sorted(path for path in (self.play.shop.state / "runs").rglob("*.*") if path.is_file())
        files = [path for path in files if path.parent.name in open_runs(self.play.shop)]
        if files:
            self.chance.choice(DAMAGES)(self.chance.choice(files), self.chance)
        return bool(files)

    def commands(self) -> Iterator[list[str]]:
        yield ["run", NAME]
        if self.chance.random() < 1 / 3:
            self.damage()
            yield ["run", NAME]

    def resume(self) -> None:
        outcome = inside("run", NAME, "--json", project=self.project)
        assert outcome.code == 0, outcome

    def check(self) -> None:
        """As of a run that is killed; but a run whose stage is damaged has failed, and another did its work."""
        assert len(check(self.play, market.expected())) <= (IN_FLIGHT + PROBES) * self.commands_killed
        runs = [checked(run) for run in inside("runs", "--json", project=self.project).json["runs"]]
        assert {run["status"] for run in runs} <= {"failed", "completed_with_rejects", "completed"}
        assert (runs[0]["status"], runs[0]["rows"]["pending"]) == ("completed_with_rejects", 0)


class FlippedLedger(KilledRun):
    """Bits of the ledger are flipped in a copy after a kill: whoever runs there ends well or says why not; the ledger
    as it was is gone on with.
    """

    name = "flipped bits of the ledger"
    kills = 30

    def resume(self) -> None:
        taken = list(self.play.service.taken)
        flipped = Path(f"{self.project}.flipped")
        shutil.copytree(self.project, flipped)
        for name in ("ledger.sqlite", "ledger.sqlite-wal"):
            if (path := flipped / ".connector" / name).exists():
                flip_bits(path, self.chance)
        output = flipped / "output"
        ended = self.world.launcher.outcome(Order(str(flipped), ["run", NAME], str(output)))
        said = output.read_text()
        assert ended.code in {0, 1}, (ended, said)
        assert not {"Unexpected", "Traceback"} & set(said.replace(":", " ").split()), said
        self.play.service.taken[:] = taken
        super().resume()
