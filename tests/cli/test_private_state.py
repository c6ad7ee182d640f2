"""What the connector keeps is readable by its owner only, whatever the umask: during a run, after it, and after a crash."""

import os
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.core.disk import make_private_file, make_private_folder
from connector.core.hashed_rows import EVENTS
from connector.ledger.project_ledger import restrict_once
from connector.staging.storage.arrow_file import ArrowFile
from tests.cli.command import connector, ended, inside, started
from tests.cli.shop import GOOD, NAME, SOURCE_ID, Shop, shop
from tests.cli.test_resume import wait_until
from tests.cli.tiktok import OK, Reply, TikTok, serving
from tests.credentials.grants import CODE, GRANT, selling, simulating

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
        plan = inside("plan", NAME, project=made.directory)
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
        assert inside("resume", project=made.directory).code == 0
    assert loose(made.state) == []


def test_what_an_older_version_left_open_to_others_is_restricted(tmp_path: Path) -> None:
    with serving() as tiktok:
        made = made_shop(tmp_path / "shop", tiktok)
        assert inside("run", NAME, project=made.directory).code == 0
        for path in [made.state, *made.state.rglob("*")]:
            path.chmod(0o777 if path.is_dir() else 0o666)
        restrict_once.cache_clear()
        assert inside("runs", "list", project=made.directory).code == 0
    assert loose(made.state) == []


def test_the_folder_is_searched_once_in_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []
    real = os.scandir

    def scandir(folder: Any = ".") -> Any:
        searched.append(os.fspath(folder))
        return real(folder)

    with serving() as tiktok:
        made = made_shop(tmp_path / "shop", tiktok)
        assert inside("run", NAME, project=made.directory).code == 0
        restrict_once.cache_clear()
        monkeypatch.setattr("connector.core.disk.os.scandir", scandir)
        assert inside("run", NAME, project=made.directory).code == 0
        assert inside("runs", "list", project=made.directory).code == 0
    assert searched.count(str(made.state.resolve() / "locks")) == 1


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


@contextmanager
def watched(state: Path) -> Iterator[list[str]]:
    """What was ever loose below a folder while the block went on, also of files that are gone at its end."""
    seen: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.005):
            with suppress(OSError):  # a folder went while it was looked at
                seen.extend(loose(state))

    watcher = threading.Thread(target=look)
    state.mkdir(mode=0o777)
    state.chmod(0o700)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def whole_life(directory: Path, url: str) -> Shop:
    """A project with events, an audience and a schedule, whose grant is refreshed."""
    schedule = {"workflow": "automatic", "schedule": {"every": "2s"}}
    made = selling(directory, url, GRANT, rows=3_000)
    settings = yaml.safe_load(made.settings.read_text())
    common = {"credential": "tiktok", "api_url": url, "requests_per_second": 1000}
    audience = {"type": "tiktok_audience", "advertiser_ids": [SOURCE_ID], "audience": "VIP", **common}
    settings["destinations"]["people"] = audience
    own = settings["orchestrations"][NAME]
    settings["orchestrations"] |= {"vips": {**own, "destination": "people"}, "soon": {**own, "limit": 5, **schedule}}
    made.settings.write_text(yaml.safe_dump(settings))
    return made


def test_nothing_of_a_whole_life_is_open_to_others_at_any_moment(tmp_path: Path) -> None:
    with simulating() as simulator:
        made = whole_life(tmp_path / "shop", simulator.url)
        with watched(made.state) as seen:
            for args in (
                ["plan", NAME],
                ["run", NAME, "--yes"],
                ["plan", "vips"],
                ["run", "vips", "--yes"],
                ["auth", "refresh", "tiktok"],
                ["auth", "login", "tiktok", "--code", CODE],
                ["forget", "--email", "7@example.com"],
                ["run", NAME, "--yes"],
                ["runs", "export", "-o", str(tmp_path / "export")],
            ):
                done = inside(*args, project=made.directory)
                assert done.code == 0, (args, done.stderr)
            last = inside("runs", "--json", project=made.directory).json["runs"][0]["run_id"]
            assert inside("report", last, "-o", str(tmp_path / "report.html"), project=made.directory).code == 0
            service = started("start", "--port", "0", project=made.directory)
            wait_until(
                lambda: any((made.state / "locks").glob("*soon*")) and any((made.state / "start").rglob("*.sql"))
            )
            service.send_signal(signal.SIGTERM)
            ended(service)
    folders = {path.name for path in made.state.iterdir() if path.is_dir()}
    assert {"tokens", "runs", "locks", "start"} <= folders <= {"tokens", "runs", "locks", "start", "members"}
    assert seen == []
    assert loose(made.state) == []


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_files_and_folders_are_their_owners_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    os.umask(umask)
    make_private_folder(tmp_path / "a" / "b")
    make_private_file(tmp_path / "a" / "b" / "file")
    with ArrowFile(tmp_path / "a" / "events.arrow", EVENTS):
        pass
    assert loose(tmp_path / "a") == []


def test_what_was_put_back_among_private_files_is_restricted(tmp_path: Path) -> None:
    """A single file that somebody restored, in folders that are as they should be."""
    with serving() as tiktok:
        made = made_shop(tmp_path / "shop", tiktok)
        assert inside("run", NAME, project=made.directory).code == 0
        for path in (path for path in made.state.rglob("*") if path.is_file()):
            path.chmod(0o755)
        (made.state / "link").symlink_to(made.query)
        before = made.query.stat().st_mode
        restrict_once.cache_clear()
        assert inside("runs", "list", project=made.directory).code == 0
    (made.state / "link").unlink()
    assert loose(made.state) == []
    assert made.query.stat().st_mode == before
