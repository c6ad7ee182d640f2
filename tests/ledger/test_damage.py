"""A ledger that was lost or damaged is named in one sentence, and never taken for a new one."""

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from connector.ledger.damage import is_damaged
from tests.cli.command import Outcome, inside
from tests.cli.shop import NAME, Shop
from tests.cli.test_corrupt_stage import Half, flip, half_sent
from tests.cli.tiktok import serving

PUT_BACK = "put it back from a backup"


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
    "a byte": (lambda path: path.write_bytes(b"S"), ""),
    "zeros": (lambda path: path.write_bytes(bytes(8192)), ""),
    "its first page": (lambda path: path.write_bytes(path.read_bytes()[:4096]), ""),
    "half of it": (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), ""),
    "without its end": (lambda path: path.write_bytes(path.read_bytes()[:-4097]), ""),
    "a folder": (_folder, ""),
}


def one_sentence(done: Outcome) -> str:
    assert done.code == 1, (done.code, done.stdout, done.stderr)
    assert "Unexpected" not in done.stderr
    return done.sentence


@pytest.mark.parametrize("name", LOST)
def test_a_lost_ledger_is_not_taken_for_a_new_one(half: Half, tmp_path: Path, name: str) -> None:
    made, (lose, sentence) = half.copied(tmp_path / "shop"), LOST[name]
    lose(ledger_of(made))
    before = len(half.tiktok.requests)
    for command in (["run", NAME], ["resume"], ["runs"], ["forget", "--email", "somebody@example.com"]):
        said = one_sentence(inside(*command, project=made.directory))
        assert said.startswith("The ledger ")
        assert sentence in said
    assert len(half.tiktok.requests) == before
    if name == "empty":
        assert ledger_of(made).read_bytes() == b""


def test_an_empty_file_without_runs_is_a_new_ledger(half: Half, tmp_path: Path) -> None:
    made = half.copied(tmp_path / "shop")
    shutil.rmtree(made.state)
    made.state.mkdir()
    ledger_of(made).touch()
    assert inside("runs", project=made.directory).code == 0


COMMANDS = (
    ["runs", "--json"], ["runs", "show", "ID"], ["runs", "audit"], ["rejects", "ID"], ["report", "ID", "-o", "FILE"],
    ["forget", "--email", "5@example.com"], ["runs", "export", "-o", "FILE"], ["resume", "ID"], ["run", NAME],
)  # fmt: skip


def never_unexpected(half: Half, made: Shop, seed: int) -> None:
    """Some bits of the ledger are flipped; each command works, or says in one sentence why it does not."""
    chance = random.Random(seed)
    path, found = ledger_of(made), bytearray(ledger_of(made).read_bytes())
    used = [place for place, byte in enumerate(found) if byte]
    for place in chance.choices(used, k=chance.choice([1, 1, 4, 20])):
        found[place] ^= 1 << chance.randrange(8)
    path.write_bytes(found)
    for command in chance.sample(COMMANDS, 3):
        given = {"ID": half.run_id, "FILE": str(made.directory / f"out-{command[0]}{command[1]}")}
        done = inside(*(given.get(word, word) for word in command), project=made.directory)
        assert "Unexpected" not in done.stderr and "Traceback" not in done.stderr, (seed, command, done.stderr)


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(n, marks=pytest.mark.thorough) for n in range(8, 200))])
def test_flipped_bits_of_a_ledger_are_no_surprise(half: Half, tmp_path: Path, seed: int) -> None:
    never_unexpected(half, half.copied(tmp_path / "shop"), seed)


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
