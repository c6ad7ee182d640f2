"""A grant that is refreshed, when each refresh token can be used once."""

import json
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from connector.simulator.server import Simulator
from tests.cli.command import checked, inside
from tests.cli.shop import NAME, Shop
from tests.crash.account import open_runs
from tests.crash.kill_events import run_phase
from tests.crash.kills import Scenario
from tests.credentials.grants import REFRESHING, Folder, selling, simulating

ROWS = 40
UNFINISHED = "did not come to its end"


class KilledRefresh(Scenario):
    """A run that refreshes its token first; the service takes its time."""

    name = "refresh before a run"
    kills = 40
    seconds = 0.6
    phases = 2
    accepted = (0, 1)
    command: ClassVar[list[str]] = ["run", NAME]
    made: Shop
    tiktok: Simulator

    def prepare(self, directory: Path) -> None:
        self.prepared = selling(directory, "http://127.0.0.1:1", rows=ROWS)
        assert inside("runs", project=directory).code == 0

    @property
    def project(self) -> Path:
        return self.made.directory

    @property
    def file(self) -> Path | None:
        """The file that holds the grant."""
        return next((self.made.state / "tokens").glob("*.json"), None)

    def begin(self, directory: Path) -> None:
        self.services.close()
        self.tiktok = self.services.enter_context(simulating("slow:path=/oauth2/refresh_token/,seconds=0.15"))
        self.made = Shop(shutil.copytree(self.prepared.directory, directory))
        self.made.settings.write_text(
            self.made.settings.read_text().replace("http://127.0.0.1:1\n", f"{self.tiktok.url}\n")
        )

    def commands(self) -> Iterator[list[str]]:
        return self.once_or_twice(*self.command)

    def phase(self) -> str:
        if self.file is None:
            return "before the refresh"
        begun = "begun_at" in json.loads(self.file.read_text())
        ledger = self.made.state / "ledger.sqlite"
        return "refreshing" if begun else f"refreshed, {run_phase(ledger)}"

    def resume(self) -> None:
        """Go on; where TikTok has replaced the token and nobody heard of it, authorise again as is said."""
        self.check_file()
        outcome = inside("run", NAME, "--json", project=self.project)
        if outcome.code:
            assert (outcome.code, self.tiktok.tally.endpoints[REFRESHING] >= 2) == (1, True), outcome
            assert UNFINISHED in outcome.sentence and "connector auth login" in outcome.sentence
            login = inside("auth", "login", "tiktok", "--code", "new", project=self.project)
            assert login.code == 0, login
            outcome = inside("run", NAME, "--json", project=self.project)
        assert outcome.code == 0, outcome

    def check_file(self) -> None:
        """The grant is whole whenever a process dies, and nobody else may read it."""
        if self.file is not None:
            assert json.loads(self.file.read_text())
            assert stat.S_IMODE(self.file.stat().st_mode) == 0o600
        status = inside("auth", "status", "tiktok", "--json", project=self.project)
        assert status.code == 0, status

    def check(self) -> None:
        self.check_file()
        if "begun_at" in Folder(self.made).kept:
            # It died before TikTok got the refresh: the token held for the run, and can be refreshed now.
            refreshed = inside("auth", "refresh", "tiktok", project=self.project)
            assert refreshed.code == 0, refreshed
        assert "begun_at" not in Folder(self.made).kept
        assert open_runs(self.made) == []
        runs = [checked(run) for run in inside("runs", "--json", project=self.project).json["runs"]]
        assert sum(run["rows"]["delivered"] for run in runs) == ROWS
        assert self.tiktok.tally.distinct == ROWS, "what is sent again is taken once"


class KilledAuthRefresh(KilledRefresh):
    """`connector auth refresh`, before there is any run."""

    name = "auth refresh"
    kills = 30
    seconds = 0.3
    phases = 2
    command: ClassVar[list[str]] = ["auth", "refresh", "tiktok"]
