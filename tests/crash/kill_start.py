"""`connector start` with runs under way: killed alone, so that its runs go on without it, or with all of them."""

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.command import checked, inside
from tests.cli.tiktok import Reply
from tests.crash.account import has_tables, open_runs
from tests.crash.kill_events import EventScenario, told_once
from tests.crash.kills import Life
from tests.crash.scene import Play
from tests.crash.service import Service
from tests.scheduler.station import Started, Station, fields, station

ROWS, ORCHESTRATIONS = 6_000, "ab"
QUERY = f"""
    SELECT {{{{ parameters.of }}}} || '-' || n AS event_id, now() - to_seconds(n) AS timestamp, n || '@example.com' AS email
    FROM range({ROWS}) AS t (n)
"""
"""The same events each time: every run but the first of an orchestration skips them all."""
START = ["start", "--port", "0", "--parallel", "2"]
MOST_SECONDS = 60


@dataclass
class Slow(Service):
    """Takes a while for each request."""

    def decide(self, body: dict[str, Any]) -> Reply:
        time.sleep(0.03)
        return super().decide(body)


class KilledStart(EventScenario):
    """Another `connector start` follows, at once."""

    name = "start"
    kills = 50
    seconds = 3.0
    phases = 2

    def prepare(self, directory: Path) -> None:
        self.world.place.begin(Slow())
        at = station(directory, self.world.place.url, {name: {"every": "1s"} for name in ORCHESTRATIONS})
        at.shop.query.write_text(QUERY)
        self.scene = Play(at.shop, Slow(), self.world).kept()

    def begin(self, directory: Path) -> None:
        self.play = self.scene.copied(directory, Slow())

    def commands(self) -> Iterator[list[str]]:
        return self.once_or_twice(*START, chance=1 / 4)

    def life(self, directory: Path) -> Life:
        """It lives until both orchestrations ran, and is only killed by time."""
        self.begin(directory)
        began = time.monotonic()
        self.resume()
        self.check()
        return Life(time.monotonic() - began)

    def killed(self, command: list[str], *, seconds: float | None = None, calls: int | None = None) -> Life | None:
        """Kill it, and in every other case its runs as well."""
        ended = super().killed(command, seconds=seconds, calls=calls)
        if self.chance.random() < 0.5:
            for process in self.runs_started():
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        return ended

    def runs_started(self) -> list[int]:
        """The processes of the runs that the killed process has started and has not seen the end of."""
        lines = [line.split(" ", 1)[1] for line in Path(f"{self.project}.output").read_text().splitlines()]
        found: dict[str, int] = {}
        for kind, line in ((line.split()[0], fields(line)) for line in lines if " " in line):
            if kind == "started":
                found[line["orchestration"]] = int(line["process"])
            elif "orchestration" in line and kind in {"ended", "failed", "killed"}:
                found.pop(line["orchestration"], None)
        return list(found.values())

    def phase(self) -> str:
        ledger = self.play.shop.state / "ledger.sqlite"
        if not has_tables(ledger):
            return "no ledger"
        with closing(sqlite3.connect(ledger)) as connection:
            stands = {state for (state,) in connection.execute("SELECT state FROM schedules")}
            (completed,) = connection.execute("SELECT count(*) FROM runs WHERE status = 'completed'").fetchone()
            (begun,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        return f"{'+'.join(sorted(stands))}, {min(begun, 3)} begun, {min(completed, 2)} completed"

    def resume(self) -> None:
        """Start again, until every orchestration has completed and nothing is left over; then stop."""
        again = Started(Station(self.play.shop))
        try:
            again.wait_for(lambda: again.changes("up") and self.is_done(), MOST_SECONDS)
        finally:
            code = again.stop()
        assert code == 0, again.lines
        ends = time.monotonic() + MOST_SECONDS
        while open_runs(self.play.shop):
            # A run that was left alive goes on without its `start`: nobody else may resume it meanwhile.
            outcome = inside("resume", "--json", project=self.project)
            is_alive = "There is no run to resume" in outcome.stderr and time.monotonic() < ends
            assert outcome.code == 0 or is_alive, outcome
            time.sleep(0.1 if is_alive else 0)

    def is_done(self) -> bool:
        """Whether each orchestration has completed."""
        with (
            suppress(sqlite3.OperationalError),
            closing(sqlite3.connect(self.play.shop.state / "ledger.sqlite")) as one,
        ):
            sql = "SELECT DISTINCT orchestration FROM runs WHERE status = 'completed'"
            return len(one.execute(sql).fetchall()) == len(ORCHESTRATIONS)
        return False

    def locked(self) -> list[str]:
        """The orchestrations that somebody holds, or held when it was killed."""
        with closing(sqlite3.connect(self.play.shop.state / "ledger.sqlite")) as connection:
            return [name for (name,) in connection.execute("SELECT orchestration FROM locks ORDER BY 1")]

    def take_over(self) -> None:
        """Run what is still locked: whoever is killed after its run, and before it lets go, leaves its lock behind."""
        ends = time.monotonic() + MOST_SECONDS
        while names := self.locked():
            outcome = inside("run", names[0], "--json", project=self.project)
            is_alive = "is being run by process" in outcome.stderr and time.monotonic() < ends
            assert outcome.code == 0 or is_alive, outcome
            time.sleep(0.1 if is_alive else 0)

    def check(self) -> None:
        self.take_over()
        listed = inside("runs", "list", "--limit", "1000", "--json", project=self.project).json["runs"]
        runs = [checked(run) for run in listed]
        assert {run["status"] for run in runs} == {"completed"}
        assert sum(run["rows"]["delivered"] for run in runs) == ROWS * len(ORCHESTRATIONS)
        told_once(self.play, {f"{name}-{n}" for name in ORCHESTRATIONS for n in range(ROWS)}, 8)
        assert self.locked() == []
