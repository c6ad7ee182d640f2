"""What the ledger refers to is on the disk before the commit that says so, and a file is whole before it has its name."""

import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from connector.destinations.tiktok.token_store import Grant, TokenFile
from connector.ledger.batch_records import BatchRecord
from connector.ledger.database import open_database
from connector.simulator.server import Simulator
from connector.staging.stage import stage
from connector.staging.storage.deletion_mask import DELETIONS_FILE
from connector.staging.streaming import StreamingStage
from connector.transform.stream import hash_rows
from connector.transform.template import DataTemplate
from tests.audiences.shop import Shop as AudienceShop
from tests.audiences.shop import members, open_shop, wanted
from tests.audiences.test_mirror import person
from tests.cli.command import inside
from tests.cli.shop import NAME, shop
from tests.cli.tiktok import OK, Reply, TikTok, serving
from tests.crash.durability import committing, is_on_disk
from tests.crash.power import Disk, recorded
from tests.credentials.grants import credential
from tests.reference import Settings
from tests.staging.stages import NAMES, NOW, Row, plain_row, staged_in, table_of
from tests.staging.test_staging_known import keys_of, said_of
from tests.transform.harness import compiled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the name of a descriptor is found in /proc")

REJECTED: Row = {**dict.fromkeys(NAMES), "event_id": "nobody"}
FEW = [plain_row(f"e{number}") for number in range(12)]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The folder of a run in the state folder of a project."""
    (tmp_path / "project" / ".connector" / "runs").mkdir(parents=True)
    return tmp_path / "project" / ".connector" / "runs" / "run"


@contextmanager
def syncing(project: Path, written: Callable[[], int] = lambda: 0) -> Iterator[Disk]:
    """Record what is synced in a project whose state folder has its name on the disk, as opening a ledger sees to."""
    with recorded(project, written) as disk:
        disk.folders[project.stat().st_ino] = {".connector": ((project / ".connector").stat().st_ino, True)}
        yield disk


@pytest.mark.parametrize(
    ("rows", "line_items", "delivered", "files"),
    [
        (FEW, True, 0, {"events.arrow"}),
        ([*FEW, REJECTED], True, 0, {"events.arrow", "left-out/staging.parquet"}),
        ([*FEW, FEW[0]], True, 0, {"events.arrow", "joined.arrow", DELETIONS_FILE}),
        ([*FEW, FEW[0]], False, 0, {"events.arrow", "left-out/staging.parquet", DELETIONS_FILE}),
        (FEW, True, 3, {"events.arrow", "left-out/staging.parquet", DELETIONS_FILE}),
        (FEW, True, 9, {"events.arrow", "left-out/staging.parquet", "rest.arrow"}),
    ],
    ids=["events", "rejected rows", "split events", "repeated events", "some delivered", "most delivered"],
)
def test_a_stage_is_on_the_disk_when_staging_ends(
    directory: Path, tmp_path: Path, rows: list[Row], line_items: bool, delivered: int, files: set[str]
) -> None:
    how = Settings(started_at=NOW, line_items=line_items)
    keys = list(keys_of(tmp_path / "other", staged_in(tmp_path / "other", table_of(rows), how, 100)).values())
    known = said_of(dict.fromkeys(keys[:delivered], "delivered"))
    with syncing(directory.parents[2]) as disk:
        staged_in(directory, table_of(rows), how, 4, known)
    found = [path for path in directory.rglob("*") if path.is_file()]
    assert {path.relative_to(directory).as_posix() for path in found} == files
    assert [path for path in found if not is_on_disk(disk, path)] == []


def test_a_batch_that_is_sent_while_rows_are_read_is_on_the_disk_before(directory: Path) -> None:
    handed_on: list[BatchRecord] = []
    rows = [plain_row(f"e{number}") for number in range(2_500)]
    transform = compiled(table_of(rows), Settings(started_at=NOW, line_items=False), DataTemplate("tiktok_events"))
    with syncing(directory.parents[2]) as disk:

        def hand_on(some: Sequence[BatchRecord]) -> None:
            assert all(is_on_disk(disk, directory / batch.file) for batch in some)
            handed_on.extend(some)

        directory.mkdir()
        parts = hash_rows(table_of(rows).to_batches(), transform, threads=1, slice_rows=500)
        stage(parts, directory, transform.rules, streaming=StreamingStage(directory, hand_on))
    assert len({batch.file for batch in handed_on}) > 1


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as server:
        yield server


ROWS = """
    SELECT 'e' || n AS event_id, CASE WHEN n % 50 <> 7 THEN now() - to_seconds(n + 1) END AS timestamp,
        n || '@example.com' AS email, 2.5 AS value
    FROM range(300) AS t (n)
"""


@pytest.mark.parametrize("line_items", [True, False], ids=["staged", "sent while it is read"])
def test_what_the_ledger_says_of_a_run_is_on_the_disk(tmp_path: Path, tiktok: TikTok, line_items: bool) -> None:
    def refuse_one(body: dict[str, Any]) -> Reply:
        return Reply(code=40_002, message="e33 is wrong") if "e33" in {one["event_id"] for one in body["data"]} else OK

    tiktok.answer = refuse_one
    made = shop(tmp_path / "shop", tiktok.url, ROWS, line_items=line_items)
    with committing(made.directory) as commits:
        done = inside("run", NAME, project=made.directory)
    assert done.code == 0, done
    staged = "events.arrow" if line_items else "segment-000000.arrow"
    assert commits.check() == {staged, "left-out/staging.parquet", "left-out/sending.parquet"}


BEFORE, AFTER = ([person(number) for number in some] for some in (range(1, 21), range(11, 31)))


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as server:
        yield server


def audience(directory: Path, simulator: Simulator) -> AudienceShop:
    """A project whose audience is to change a lot."""
    return open_shop(directory, simulator.url, rows_per_request=8, max_in_flight=1, max_change_percent=100)


def test_what_the_ledger_says_of_an_audience_is_on_the_disk(tmp_path: Path, simulator: Simulator) -> None:
    made = audience(tmp_path / "shop", simulator)
    with committing(made.directory) as commits:
        for people in (BEFORE, AFTER):
            made.people(people)
            made.run()
    assert commits.check() == {"added.arrow", "deleted.arrow", "left-out/staging.parquet"}


EVERY = 16
"""Of the moments at which the power goes, how many are skipped by default; `make thorough` tries the others."""


@pytest.mark.parametrize(
    "first", [0, *(pytest.param(number, marks=pytest.mark.thorough) for number in range(1, EVERY))]
)
def test_an_audience_is_equal_to_its_query_whenever_the_power_goes(
    tmp_path: Path, simulator: Simulator, first: int
) -> None:
    made, worlds = audience(tmp_path / "shop", simulator), [deepcopy(simulator.world.audiences)]

    def taken() -> int:
        worlds.append(deepcopy(simulator.world.audiences))
        return len(worlds) - 1

    made.people(BEFORE)
    with recorded(made.directory, taken) as disk:
        made.run()
        start = len(disk.losses)
        made.people(AFTER)
        made.run()
    losses = disk.losses[start:]
    print(len(losses))
    assert len(losses) > 2 * EVERY
    for number in range(first, len(losses), EVERY):
        loss, names_are_kept = losses[number], number // EVERY % 2 == 0
        again = audience(tmp_path / f"shop{number}", simulator)
        again.people(AFTER)
        loss.rebuild(again.directory, names_are_kept=names_are_kept)
        simulator.world.audiences = deepcopy(worlds[loss.seen])
        again.run()
        assert members(simulator) == wanted(AFTER), (loss.when, names_are_kept)


def grant(number: int) -> Grant:
    token = SecretStr(f"access-token-{number}")
    return Grant(token, SecretStr(f"refresh-token-{number}"), kept_at=datetime(2026, 1, 1 + number, tzinfo=UTC))


@pytest.mark.parametrize("names_are_kept", [False, True], ids=["no names", "names without content"])
def test_a_grant_that_was_kept_outlasts_a_power_loss(tmp_path: Path, names_are_kept: bool) -> None:
    """After each `write` the disk has the new grant; until then it has the new one or the one before, whole."""
    project, written = tmp_path / "project", [0]
    (project / ".connector").mkdir(parents=True)
    with syncing(project, lambda: len(written) - 1) as disk:
        for number in (1, 2, 3):
            file = TokenFile(project / ".connector", credential(), "https://example.com")
            with file.locked():
                file.write(grant(number))
            written.append(number)
            disk.moment(f"grant {number} was kept")
    assert len(disk.losses) > 2 * len(written)
    for number, loss in enumerate(disk.losses):
        (rebuilt := tmp_path / f"after{number}").mkdir()
        loss.rebuild(rebuilt, names_are_kept=names_are_kept)
        found = TokenFile(rebuilt / ".connector", credential(), "https://example.com").read()
        known = {None if one == 0 else grant(one) for one in (loss.seen, loss.seen + 1)}
        if loss.when.startswith("grant"):
            known = {grant(loss.seen)}
        assert found in known, loss.when


def test_sqlite_syncs_every_commit(tmp_path: Path) -> None:
    """With `synchronous` below FULL, a commit in WAL mode may be lost when the power goes."""
    path = tmp_path / "state" / "ledger.sqlite"
    database = open_database(f"sqlite:///{path}")
    with database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
    database.close()
    with closing(sqlite3.connect(path)) as ledger:
        assert ledger.execute("PRAGMA journal_mode").fetchone() == ("wal",)
