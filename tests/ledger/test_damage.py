"""A ledger that was lost or damaged is named in one sentence, and never taken for a new one."""

import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connector.ledger.damage import is_damaged
from tests.cli.command import Outcome, inside
from tests.cli.shop import NAME, Shop
from tests.cli.test_corrupt_stage import Half, flip, half_sent
from tests.cli.tiktok import serving

PUT_BACK = "restore it from a backup"


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Half]:
    with serving() as tiktok:
        made = half_sent(tmp_path_factory.mktemp("half") / "shop", tiktok)
        with closing(sqlite3.connect(ledger_of(Shop(made.directory)))) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        yield made


def ledger_of(made: Shop) -> Path:
    return made.state / "ledger.sqlite"


def _foreign(path: Path, table: str) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE {table} (version INTEGER)")
        connection.commit()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


LOST: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "is missing"),
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "of something else": (lambda path: _foreign(path, "customers"), "holds something else"),
    "of something else with versions": (lambda path: _foreign(path, "schema_version"), "holds something else"),
    "a text": (lambda path: path.write_text("version: 1\n" * 900), "not a database"),
    "a byte": (lambda path: path.write_bytes(b"S"), "holds something else"),
    "zeros": (lambda path: path.write_bytes(bytes(8192)), "not a database"),
    "its first page": (lambda path: path.write_bytes(path.read_bytes()[:4096]), "malformed"),
    "half of it": (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), "malformed"),
    "without its end": (lambda path: path.write_bytes(path.read_bytes()[:-4097]), "malformed"),
    "a folder": (_folder, "unable to open"),
}
COMMANDS = (["run", NAME], ["resume"], ["runs"], ["forget", "--email", "somebody@example.com"])


def one_sentence(done: Outcome) -> str:
    assert done.code == 1, (done.code, done.stdout, done.stderr)
    assert "Unexpected" not in done.stderr
    return done.sentence


@pytest.mark.parametrize("name", LOST)
def test_a_lost_ledger_is_not_taken_for_a_new_one(half: Half, tmp_path: Path, name: str) -> None:
    made, (lose, sentence) = half.copied(tmp_path / "shop"), LOST[name]
    lose(ledger_of(made))
    before = len(half.tiktok.requests)
    for command in COMMANDS if name in {"missing", "a text"} else COMMANDS[:1]:
        said = one_sentence(inside(*command, project=made.directory))
        assert said.startswith("The ledger ")
        assert sentence in said
    assert len(half.tiktok.requests) == before
    if name == "empty":
        assert ledger_of(made).read_bytes() == b""


@pytest.mark.parametrize(
    "url", ["sqlite:///l.sqlite?timeout=30", "sqlite+pysqlite:///l.sqlite", "sqlite+pysqlite:///l.sqlite?timeout=9"]
)
def test_a_ledger_is_found_whatever_else_its_url_says(half: Half, tmp_path: Path, url: str) -> None:
    made = half.copied(tmp_path / "shop")
    ledger = made.directory / "l.sqlite"
    ledger_of(made).rename(ledger)
    with made.settings.open("a") as file:
        file.write(f"ledger: {url}\n")
    assert inside("run", NAME, project=made.directory).code == 0
    assert {path.name for path in made.directory.glob("*l.sqlite*")} <= {"l.sqlite", "l.sqlite-wal", "l.sqlite-shm"}
    assert stat.S_IMODE(ledger.stat().st_mode) == 0o600
    ledger.unlink()
    assert one_sentence(inside("run", NAME, project=made.directory)).startswith(f"The ledger {ledger} is missing")


def test_an_empty_file_without_runs_is_a_new_ledger(half: Half, tmp_path: Path) -> None:
    made = half.copied(tmp_path / "shop")
    shutil.rmtree(made.state)
    made.state.mkdir()
    ledger_of(made).touch()
    assert inside("runs", project=made.directory).code == 0


def test_a_sound_ledger_is_not_called_damaged(half: Half, tmp_path: Path) -> None:
    made = half.copied(tmp_path / "shop")
    assert not is_damaged(ledger_of(made))
    assert inside("run", NAME, project=made.directory).code == 0
    assert inside("forget", "--email", "5@example.com", project=made.directory).code == 0
    assert not is_damaged(ledger_of(made))
    flip(ledger_of(made), 0)
    assert is_damaged(ledger_of(made))


CHANGES = {
    "runs": "status = 'runing'", "runs ": "started_at = 'x'", "runs  ": "rejects = '{'", "runs   ": """skips = '{"a": "b"}'""",
    "batches": "events = 'x'", "batches ": "sent_at = 1", "batch_keys": "event_keys = x'00'",
    "batches  ": "action = 'sand'", "batches   ": """id_types = '["email", "emial"]'""", "batches    ": """id_types = '"email"'""",
    "batch_keys ": "persons = x'0100'", "batch_keys  ": "keep_until = ''", "audit": "allowed = 7",
}  # fmt: skip


@pytest.mark.parametrize("table", CHANGES)
def test_a_value_that_no_connector_writes_is_found(half: Half, tmp_path: Path, table: str) -> None:
    made = half.copied(tmp_path / "shop")
    with closing(sqlite3.connect(ledger_of(made))) as connection:
        connection.execute(f"UPDATE {table} SET {CHANGES[table]}")
        connection.commit()
    assert is_damaged(ledger_of(made))
    if table == "runs":
        said = one_sentence(inside("runs", project=made.directory))
        assert said == f"The ledger {ledger_of(made)} is damaged: {PUT_BACK}, and run the command again."
