"""An audience: a run that changes its members, and `connector forget` before and while such a run goes on."""

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import ClassVar

from connector.ledger.ledger import open_ledger
from connector.simulator.faults import Fault
from connector.simulator.server import Simulator
from tests.audiences.reference import Member
from tests.audiences.shop import NAME, Shop, members, open_shop, wanted
from tests.audiences.test_mirror import MAPPING, person
from tests.cli.command import ended, inside, started
from tests.crash.kill_events import run_phase
from tests.crash.kills import Scenario

BEFORE = [person(number) for number in range(1, 501)]
AFTER = [person(number) for number in range(251, 901)]
PEOPLE = {"deleted": 9, "kept": 302, "added": 601}
"""Who is to be forgotten: one who leaves the audience, one who stays, one who comes. Each has an address."""
MAPPING_PATH = f"/open_api/v1.3{MAPPING}"


@cache
def before() -> set[Member]:
    """Who is in the audience at first."""
    return wanted(BEFORE)


@cache
def after() -> set[Member]:
    """Who should be in it in the end."""
    return wanted(AFTER)


class AudienceScenario(Scenario):
    """An audience whose people differ from those it was last made equal to."""

    shop: Shop
    settings: ClassVar[dict[str, object]] = {"rows_per_request": 25, "max_in_flight": 3, "max_change_percent": 100}
    faults: tuple[Fault, ...] = ()

    @property
    def project(self) -> Path:
        return self.shop.directory

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.project / ".connector" / "ledger.sqlite"

    def prepare(self, directory: Path) -> None:
        self.tiktok = self.services.enter_context(Simulator())
        self.prepared = open_shop(directory, self.tiktok.url, **self.settings)
        self.prepared.people(BEFORE)
        self.prepared.run()
        self.prepared.people(AFTER)
        self.audiences = deepcopy(self.tiktok.world.audiences)

    def begin(self, directory: Path) -> None:
        self.shop = Shop(shutil.copytree(self.prepared.directory, directory))
        self.tiktok.world.reset()
        self.tiktok.world.audiences = deepcopy(self.audiences)
        self.tiktok.world.faults.clear()
        self.tiktok.world.faults.add(self.faults)

    def run(self) -> None:
        """Run to the end in a process that knows nothing of what was killed."""
        done = inside("run", NAME, "--yes", "--json", project=self.project)
        assert done.code == 0, done

    def check_ledger(self) -> None:
        """Every run adds up and came to its end, nobody holds a lock, and a next run finds nothing to change."""
        again = self.shop.run()
        assert again.members and (again.members.added, again.members.removed, again.requests_sent) == (0, 0, 0)
        with open_ledger(self.shop.project.ledger_url) as ledger:
            assert ledger.runs.unfinished() == []
            assert all(run.rows.balanced and run.rows.pending == 0 for run in ledger.runs.latest())
        with closing(sqlite3.connect(self.ledger)) as connection:
            assert connection.execute("SELECT * FROM locks").fetchall() == []


class KilledAudience(AudienceScenario):
    """A run that adds members and deletes others; every third time, what goes on is killed as well."""

    name = "audience"
    kills = 70
    seconds = 0.6
    phases = 2

    def commands(self) -> Iterator[list[str]]:
        return self.once_or_twice("run", NAME, "--yes")

    def phase(self) -> str:
        return run_phase(self.ledger, since=1)

    def resume(self) -> None:
        self.run()

    def check(self) -> None:
        assert members(self.tiktok) == after()
        self.check_members()
        self.check_ledger()

    def check_members(self) -> None:
        """What the runs say that they changed is what there was to change: nothing counts twice."""
        with open_ledger(self.shop.project.ledger_url) as ledger:
            changed = [run.members for run in ledger.runs.latest() if run.members][:-1]
        assert sum(one.added for one in changed) == len(after() - before())
        assert sum(one.removed for one in changed) == len(before() - after())


def forget_phase(ledger: Path) -> str:
    """How far `connector forget` has come, as the ledger tells."""
    with closing(sqlite3.connect(ledger)) as connection:
        (listed,) = connection.execute("SELECT count(*) FROM suppressed").fetchone()
        (receipts,) = connection.execute("SELECT count(*) FROM receipts").fetchone()
        (audited,) = connection.execute("SELECT count(*) FROM audit WHERE command = 'forget'").fetchone()
    return "receipt written" if receipts else "listed" if listed else "audited" if audited else "nothing written"


class KilledForgetting(AudienceScenario):
    """Somebody is to be forgotten while a run that changes their audience has begun, or before it."""

    name = "forget beside a run of an audience"
    kills = 50
    seconds = 0.6
    phases = 2
    settings: ClassVar[dict[str, object]] = {**AudienceScenario.settings, "max_in_flight": 1}
    faults = (Fault("slow", path=MAPPING, seconds=0.03),)
    run_under_way: "subprocess.Popen[str] | None" = None

    def begin(self, directory: Path) -> None:
        super().begin(directory)
        self.who = self.chance.choice(sorted(PEOPLE))
        self.person = person(PEOPLE[self.who])
        self.digest = {one for one in wanted([self.person]) if one[0] == "EMAIL_SHA256"}
        self.run_under_way = None
        if self.chance.random() < 2 / 3:
            self.run_under_way = started("run", NAME, "--yes", project=self.project)
            self.wait_for_requests()

    def wait_for_requests(self) -> None:
        """Wait until some requests of the run have changed the audience."""
        until, some = time.monotonic() + 60, self.chance.randint(1, 12)
        while self.tiktok.tally.endpoints[MAPPING_PATH] < some:
            assert self.run_under_way and self.run_under_way.poll() is None
            assert time.monotonic() < until
            time.sleep(0.005)

    def abandon(self) -> None:
        if self.run_under_way:
            ended(self.run_under_way)

    def commands(self) -> Iterator[list[str]]:
        yield self.forget
        if self.chance.random() < 1 / 3:
            yield self.forget

    @property
    def forget(self) -> list[str]:
        """The command that is killed."""
        return ["forget", "--email", self.person["email"]]

    def phase(self) -> str:
        return forget_phase(self.ledger)

    def resume(self) -> None:
        """The run comes to its end; `forget` is typed again, and the next run finds the rest."""
        if self.run_under_way:
            outcome = ended(self.run_under_way)
            assert outcome.code == 0, outcome
        done = inside(*self.forget, "--json", project=self.project)
        assert done.code == 0, done
        assert all(audience["removed"] for audience in done.json["audiences"])
        assert self.digest.isdisjoint(members(self.tiktok))
        self.run()

    def check(self) -> None:
        assert members(self.tiktok) == after() - self.digest
        self.check_ledger()
        with open_ledger(self.shop.project.ledger_url) as ledger:
            assert ledger.suppression.receipts()
            assert {digest for _, digest in self.digest} <= set(ledger.suppression.digests())
