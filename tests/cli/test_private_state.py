"""What the connector keeps is readable by its owner only, whatever the umask: during a run, after it, and after a crash."""

import os
import signal
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import connector, ended, inside, started
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.tiktok import OK, Reply, TikTok, serving

ONE_BAD = "SELECT * REPLACE (CASE WHEN value > 0 AND event_id = 'e3' THEN -1 ELSE value END AS value) FROM ({good})"


@pytest.fixture(autouse=True)
def _open_to_all() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def loose(folder: Path) -> list[str]:
    """What below a folder, and the folder itself, others than its owner could open."""
    found = []
    for path in [folder, *folder.rglob("*")]:
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        if stat.S_IMODE(mode) != (0o700 if stat.S_ISDIR(mode) else 0o600):
            found.append(f"{path.relative_to(folder)} {stat.filemode(mode)}")
    return found


def made_shop(directory: Path, tiktok: TikTok, **options: Any) -> Shop:
    return shop(directory, tiktok.url, ONE_BAD.format(good=GOOD.format(rows=3_000)), **options)


def test_a_run_leaves_nothing_that_others_may_read(tmp_path: Path) -> None:
    seen: list[str] = []

    def answer(body: dict[str, Any]) -> Reply:
        seen.extend(loose(tmp_path / "shop" / ".connector"))
        return OK

    with serving(answer) as tiktok:
        made = made_shop(tmp_path / "shop", tiktok)
        run = connector("run", NAME, "--json", project=made.directory)
        plan = connector("plan", NAME, project=made.directory)
    assert (run.code, plan.code) == (0, 0), run.stderr
    assert run.record()["rejects"] == {"invalid_amount": 1}
    assert list((made.state / "runs").rglob("*.parquet"))
    assert seen == []
    assert loose(made.state) == []


def test_a_run_that_is_killed_leaves_nothing_that_others_may_read(tmp_path: Path) -> None:
    held = threading.Event()

    def answer(body: dict[str, Any]) -> Reply:
        held.wait(30)
        return OK

    with serving(answer) as tiktok:
        made = made_shop(tmp_path / "shop", tiktok)
        process = started("run", NAME, project=made.directory)
        assert tiktok.first.wait(30)
        process.send_signal(signal.SIGKILL)
        ended(process)
        held.set()
        assert list(made.state.rglob("*.arrow"))
        assert loose(made.state) == []
        assert connector("resume", project=made.directory).code == 0
    assert loose(made.state) == []


def test_what_an_older_version_left_open_to_others_is_restricted(tmp_path: Path) -> None:
    with serving() as tiktok:
        made = made_shop(tmp_path / "shop", tiktok)
        assert inside("run", NAME, project=made.directory).code == 0
        for path in [made.state, *made.state.rglob("*")]:
            path.chmod(0o777 if path.is_dir() else 0o666)
        assert inside("runs", "list", project=made.directory).code == 0
    assert loose(made.state) == []


def test_a_ledger_elsewhere_is_restricted_and_its_folder_is_not(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    with serving() as tiktok:
        made = made_shop(tmp_path / "shop", tiktok)
        with made.settings.open("a") as file:
            file.write(f"ledger: sqlite:///{shared / 'ledger.sqlite'}\n")
        assert inside("run", NAME, project=made.directory).code == 0
    assert stat.S_IMODE(shared.stat().st_mode) == 0o777
    assert loose(shared)[1:] == []
    assert loose(made.state) == []


def test_what_a_command_is_told_to_write_follows_the_umask(tmp_path: Path) -> None:
    with serving() as tiktok:
        made = made_shop(tmp_path / "shop", tiktok)
        run_id = inside("run", NAME, "--json", project=made.directory).json["run_id"]
    os.umask(0o027)
    assert inside("rejects", run_id, "-o", str(tmp_path / "rejects.csv"), project=made.directory).code == 0
    assert stat.S_IMODE((tmp_path / "rejects.csv").stat().st_mode) == 0o640
