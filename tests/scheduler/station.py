"""A project with orchestrations that run by themselves, and a loop that is told what time it is."""

import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml

from connector.scheduler.daemon import StartOptions, open_scheduler
from connector.scheduler.loop import SchedulerLoop
from tests.cli.command import environment
from tests.cli.shop import GOOD, NAME, Shop, shop

SECONDS_A_RUN_MAY_TAKE = 60


@dataclass
class Station:
    """`lines` are what was said; the clock goes only when a test says so."""

    shop: Shop
    lines: list[str] = field(default_factory=list)
    # Noon is far from where the hours and days of a schedule begin.
    now: datetime = field(
        default_factory=lambda: datetime.now(UTC).replace(hour=12, minute=30, second=0, microsecond=0)
    )

    @contextmanager
    def loop(self, target: str | None = None, *, parallel: int = 4) -> Iterator[SchedulerLoop]:
        options = StartOptions(parallel=parallel, port=0)
        with open_scheduler(
            self.shop.directory, environment(None), target, options, self.lines.append, clock=lambda: self.now
        ) as loop:
            loop.apply_plan(self.now)
            yield loop

    def later(self, **length: float) -> datetime:
        self.now += timedelta(**length)
        return self.now

    def changes(self, *kinds: str) -> list[str]:
        """What was said, without the time; only of some kinds of change if any are named."""
        told = [line.split(" ", 1)[1] for line in self.lines]
        return [line for line in told if not kinds or line.split()[0] in kinds]

    def wait_for(self, loop: SchedulerLoop, kind: str) -> str:
        """Looks, at one and the same time, until something has happened, and gives the last line about it."""
        before, until = len(self.changes(kind)), time.monotonic() + SECONDS_A_RUN_MAY_TAKE
        while len(self.changes(kind)) == before:
            assert time.monotonic() < until, self.lines
            time.sleep(0.02)
            loop.tick(self.now)
        return self.changes(kind)[-1]

    def asked(self, sql: str) -> list[Any]:
        with closing(sqlite3.connect(self.shop.state / "ledger.sqlite")) as ledger:
            return ledger.execute(sql).fetchall()


def station(directory: Path, url: str, schedules: Mapping[str, Mapping[str, str]], *, rows: int = 3) -> Station:
    """Automatic orchestrations with these schedules; each sends `rows` events of its own, new ones each time."""
    query = (
        "SELECT {{ parameters.of }} || '-' || epoch_us(now()) || '-' || event_id AS event_id, timestamp, email, value "
        f"FROM ({GOOD.format(rows=rows)})"
    )
    made = shop(directory, url, query)
    settings = yaml.safe_load(made.settings.read_text())
    base = settings["orchestrations"].pop(NAME)
    for name, schedule in schedules.items():
        settings["orchestrations"][name] = {
            **base, "workflow": "automatic", "schedule": dict(schedule), "parameters": {"of": name}
        }  # fmt: skip
    made.settings.write_text(yaml.safe_dump(settings))
    return Station(made)


def fields(line: str) -> dict[str, str]:
    """The values of a line by key."""
    found, rest = {}, line.split(" ", 1)[1] if " " in line else ""
    while rest:
        key, _, rest = rest.partition("=")
        if rest.startswith('"'):
            value, end = json.JSONDecoder().raw_decode(rest)
            rest = rest[end:].lstrip()
        else:
            value, _, rest = rest.partition(" ")
        found[key] = value
    return found


class Started:
    """`connector start`, whose lines are read as they come."""

    def __init__(self, at: Station) -> None:
        command = [sys.executable, "-m", "connector", "start", "--port", "0", "--parallel", "2"]
        self.process = subprocess.Popen(
            command, env=environment(at.shop.directory), cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )  # fmt: skip
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        self.lines += (line.rstrip() for line in iter(self.process.stderr.readline, ""))

    def changes(self, kind: str) -> list[dict[str, str]]:
        told = [line.split(" ", 1)[1] for line in list(self.lines)]
        return [fields(line) for line in told if line.split()[0] == kind]

    def wait_for(self, what: Callable[[], object], seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < until, self.lines
            assert self.process.poll() is None, self.lines
            time.sleep(0.02)

    def health(self) -> tuple[int, dict[str, Any]]:
        answer = httpx.get(self.changes("up")[0]["health"])
        return answer.status_code, answer.json()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self._reader.join()
        assert self.process.stderr
        self.process.stderr.close()
        return code
