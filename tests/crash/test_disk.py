"""A disk that fills up: a clear sentence, a ledger that stays whole, nothing lost and nothing sent without need."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Outcome, environment, inside
from tests.cli.shop import NAME, Shop
from tests.cli.test_resume import wait_until
from tests.cli.tiktok import Reply
from tests.crash import market
from tests.crash.account import check, check_runs, rejects, whole_runs
from tests.crash.scene import POISONED, Play, Scene
from tests.crash.service import Service

NO_FILE_LARGER = 'ulimit -f "$1"; shift; exec "$@"'
"""In blocks of 512 bytes."""

ON_A_SMALL_DISK = """
mount -t tmpfs -o size="$1" none "$2" || exit 77
cp -a "$3/." "$2"; shift 3
(until [ -e "$OUTSIDE/fill" ] || [ -e "$AFTER/over" ]; do sleep 0.01; done
 cat /dev/zero > "$STATE/filler" 2>/dev/null; touch "$OUTSIDE/filled") &
"$@"; code=$?
touch "$AFTER/over"; wait
rm -f "$STATE/filler"; cp -a "$STATE/." "$AFTER"; rm "$AFTER/over"
exit $code
"""
"""The state folder, for as long as a command runs, on a disk of a given size, which is filled up when a test asks for
it; what was there is kept.
"""


CONNECTOR = (sys.executable, "-m", "connector")


def ran(*command: str, project: Path, **further: str) -> Outcome:
    around = environment(project, further)
    done = subprocess.run(command, env=around, cwd="/", capture_output=True, text=True, timeout=120, check=False)
    return Outcome(done.returncode, done.stdout, done.stderr)


def on_a_small_disk(shop: Shop, size: str, *command: str) -> Outcome:
    """Runs the command line with its state on a disk of this size; the state is put back afterwards."""
    before, after = shop.directory / "before", shop.directory / "after"
    shop.state.rename(before)
    shop.state.mkdir()
    after.mkdir()
    script = ["unshare", "-rm", "sh", "-c", ON_A_SMALL_DISK, "sh", size, str(shop.state), str(before)]
    places = {"STATE": str(shop.state), "AFTER": str(after), "OUTSIDE": str(shop.directory.parent)}
    done = ran(*script, *CONNECTOR, *command, project=shop.directory, **places)
    if done.code == 77 or "unshare:" in done.stderr:
        pytest.skip(f"no disk of its own can be had here: {done.stderr.strip()}")
    shop.state.rmdir()
    after.rename(shop.state)
    return done


def went_wrong(run: Outcome, shop: Shop, said: str) -> dict[str, Any]:
    """The record of a run that stopped at a full disk, and said so; the ledger is whole."""
    assert run.code == 1
    assert said in run.sentence
    with closing(sqlite3.connect(shop.state / "ledger.sqlite")) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    runs = {record["run_id"]: record for record in inside("runs", "--json", project=shop.directory).json["runs"]}
    record: dict[str, Any] = runs[run.json["run_id"]]
    return record


@pytest.mark.parametrize("kilobytes", [200, pytest.param(2_500, marks=pytest.mark.thorough)])
def test_a_file_that_may_not_grow_while_staging_stops_the_run(
    tmp_path: Path, second_day: Scene, kilobytes: int
) -> None:
    play = second_day.copied(tmp_path / "shop")
    limited = ["sh", "-c", NO_FILE_LARGER, "sh", str(2 * kilobytes)]
    failed = ran(*limited, *CONNECTOR, "run", NAME, "--json", project=play.shop.directory)
    went_wrong(failed, play.shop, "File too large. Nothing was sent")
    nothing_was_sent_and_the_next_run_sends_all(play, failed)


@pytest.mark.parametrize("size", [pytest.param("400k", marks=pytest.mark.thorough), "2m"])
def test_a_disk_that_fills_up_while_staging_stops_the_run(tmp_path: Path, second_day: Scene, size: str) -> None:
    play = second_day.copied(tmp_path / "shop")
    failed = on_a_small_disk(play.shop, size, "run", NAME, "--json")
    went_wrong(failed, play.shop, "No space left on device. Nothing was sent")
    nothing_was_sent_and_the_next_run_sends_all(play, failed)


def nothing_was_sent_and_the_next_run_sends_all(play: Play, failed: Outcome) -> None:
    assert play.world.place.tiktok.requests == []
    assert list((play.shop.state / "runs" / failed.json["run_id"]).glob("**/*")) == []
    again = inside("run", NAME, "--json", project=play.shop.directory)
    assert (again.code, again.json["resumed"]) == (0, [])
    assert check(play, market.expected()) == []
    assert rejects(play.shop, again.json["run_id"]) == market.rejected()


@dataclass
class Filling(Service):
    """Fills the disk up while a request waits."""

    outside: Path = Path()
    fills_at: int = 0

    def answer(self, body: dict[str, Any]) -> Reply:
        """Takes it once there is no room left to write that down."""
        with self.lock:
            self.fills_at -= 1
            fills = self.fills_at == 0
        if fills:
            (self.outside / "fill").touch()
            wait_until((self.outside / "filled").exists)
        return super().answer(body)


@pytest.mark.parametrize(("request_number", "how"), [(2, "resume"), (30, "run")])
def test_a_disk_that_fills_up_while_sending_stops_the_run_and_nothing_is_lost(
    tmp_path: Path, second_day: Scene, request_number: int, how: str
) -> None:
    """What was answered when nothing could be written is what is sent again."""
    play = second_day.copied(tmp_path / "shop", Filling(POISONED, outside=tmp_path, fills_at=request_number))
    failed = on_a_small_disk(play.shop, "50m", "run", NAME, "--json")
    stopped = went_wrong(failed, play.shop, "The ledger could not be written: database or disk is full")
    assert (stopped["status"], stopped["rows"]["pending"] > 0) == ("running", True)
    again = inside(how, *([NAME] if how == "run" else []), "--json", project=play.shop.directory)
    assert again.code == 0, again
    lost = check(play, market.expected())
    assert len(lost) <= 8
    check_runs(play, whole_runs(play.shop))
