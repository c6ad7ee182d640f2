"""Bytes of the ledger and of the stage: flipped, cut, repeated, replaced, lost, or those of another file.

Whatever they are, no process crashes, and a command works or says in a sentence why it does not. What is sent is, to
the last value, what a run of a sound project sends. Where only the stage is damaged the next run heals it: in the
end each event was delivered.

An input is the damage as JSON: the commands that follow, and for each file that is damaged its number among those of
the state, its edits, and whether it is lost.
"""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.test_resume import REVOKED, after
from tests.cli.tiktok import OK, TikTok, serving
from tests.fuzz.conftest import Record
from tests.fuzz.fuzzing import Input, corpus, for_each, fuzz
from tests.fuzz.mutation import FLIPS, edited, edits, mutated
from tests.fuzz.worker import Worker

BORDER = "stored_bytes"
ROWS = 1_500
COMMANDS = (
    ["run", NAME], ["run", NAME], ["resume"], ["resume", "ID"], ["runs", "--json"], ["runs", "show", "ID"], ["runs", "audit"], ["rejects", "ID"],
    ["report", "ID", "-o", "FILE"], ["forget", "--email", "5@example.com"], ["runs", "export", "-o", "FILE"], ["retry", "ID"], ["validate"],
)  # fmt: skip
WORDS = (b"\x93STAGE1\n", b"ARROW1\0\0", b"SQLite format 3\0", b"PK\x03\x04", b"\0" * 64, b"\xff" * 8)


@dataclass(frozen=True)
class Half:
    """A project that stopped half way, what TikTok got, and what it would get of each event."""

    directory: Path
    tiktok: TikTok
    run_id: str
    expected: dict[str, Any]
    worker: Worker


@pytest.fixture(name="worker", scope="module")
def running_worker() -> Iterator[Worker]:
    with Worker() as worker:
        yield worker


@pytest.fixture(name="half", scope="module")
def half_sent(tmp_path_factory: pytest.TempPathFactory, worker: Worker) -> Iterator[Half]:
    folder = tmp_path_factory.mktemp("stored")
    with serving() as tiktok:
        made = shop(folder / "shop", tiktok.url, "SELECT * FROM sales", tables={"sales": GOOD.format(rows=ROWS)}, destination={"max_in_flight": 1})  # fmt: skip
        assert inside("run", NAME, project=made.directory).code == 0
        expected = {event["event_id"]: event for event in tiktok.events}
        assert len(expected) == ROWS
        shutil.rmtree(made.state)
        made.query.write_text("SELECT * FROM sales WHERE event_id LIKE '%7'")
        tiktok.requests.clear()
        assert inside("run", NAME, project=made.directory).code == 0
        made.query.write_text("SELECT * FROM sales")
        tiktok.answer = after(1, REVOKED)
        run_id = inside("run", NAME, "--json", project=made.directory).json["run_id"]
        tiktok.answer = lambda body: OK
        with closing(sqlite3.connect(made.state / "ledger.sqlite")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        yield Half(made.directory, tiktok, run_id, expected, worker)


def files_of(state: Path, run_id: str) -> list[Path]:
    """The files that may be damaged: the ledger, then those of the run that stopped."""
    return [state / "ledger.sqlite", *sorted(path for path in (state / "runs" / run_id).rglob("*") if path.is_file())]


def check(half: Half, folder: Path, case: Input) -> None:
    """Damage a copy of the project, and run the commands."""
    damage = json.loads(case.content)
    made = Shop(folder / "shop")
    shutil.rmtree(made.directory, ignore_errors=True)
    shutil.copytree(half.directory, made.directory)
    hurt = inflict(files_of(made.state, half.run_id), damage["files"])
    before = len(half.tiktok.accepted)
    for number, command in enumerate(damage["commands"]):
        names = {"ID": half.run_id, "FILE": str(made.directory / f"out{number}")}
        done = half.worker.connector(*(names.get(word, word) for word in command), project=made.directory)
        assert done.code in {0, 1, 2, 3}, done
        assert not any(word in done.stderr for word in ("Unexpected", "Traceback")), (command, done.stderr)
        assert done.code == 0 or done.stderr.strip(), done
    if 0 not in hurt:
        done = half.worker.connector("run", NAME, project=made.directory)
        assert done.code == 0, done
    sent = [event for request in half.tiktok.accepted[before:] for event in request.events]
    for event in sent:
        assert event == half.expected.get(event["event_id"]), event
    if 0 not in hurt:
        suppressed = {"e5"} if any("forget" in command for command in damage["commands"]) else set()
        earlier = {event["event_id"] for request in half.tiktok.accepted[:2] for event in request.events}
        assert earlier | {event["event_id"] for event in sent} | suppressed == set(half.expected)


def inflict(files: list[Path], damages: list[dict[str, Any]]) -> set[int]:
    """Damage files; returns the numbers of those that are."""
    contents = [path.read_bytes() for path in files]
    numbers = set()
    for damage in damages:
        number = damage["file"] % len(files)
        changes = [
            (kind, part, length, data.encode("latin-1"), other) for kind, part, length, data, other in damage["edits"]
        ]
        if damage["lost"]:
            files[number].unlink(missing_ok=True)
        else:
            files[number].write_bytes(edited(contents[number], changes, contents))
        numbers.add(number)
    return numbers


def damages() -> st.SearchStrategy[Input]:
    """Draw damage; half of it spares the ledger."""
    changes = st.one_of(edits(WORDS, FLIPS), edits(WORDS)).map(
        lambda given: [(*one[:3], one[3].decode("latin-1"), one[4]) for one in given]
    )
    number = st.one_of(st.just(0), st.integers(1, 9))
    one = st.fixed_dictionaries({"file": number, "edits": changes, "lost": st.sampled_from([False] * 9 + [True])})
    commands = st.lists(st.sampled_from(COMMANDS), min_size=1, max_size=2)
    both = st.fixed_dictionaries({"commands": commands, "files": st.lists(one, min_size=1, max_size=2)})
    return both.map(lambda damage: Input("damage.json", json.dumps(damage).encode()))


STAGED = [one for one in corpus(BORDER) if one.name.endswith(".arrow")]
SOUND = next(one for one in STAGED if one.name == "events.arrow")


def check_staged(worker: Worker, folder: Path, case: Input) -> None:
    """Read a staged file: each batch is as it was written, or the file is refused. Earlier files have no checksums."""
    (folder / SOUND.name).write_bytes(SOUND.content)
    (folder / "damaged.arrow").write_bytes(case.content)
    read = worker.stage(folder, "damaged.arrow")
    if isinstance(read, str):
        assert read.startswith(str(folder / "damaged.arrow")) and read.endswith("."), read
    elif not case.content.startswith(b"ARROW1"):
        assert read == worker.stage(folder, SOUND.name)


@for_each(BORDER)
def test_the_corpus_is_healed_or_refused(case: Input, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if case.name.endswith(".arrow"):
        check_staged(request.getfixturevalue("worker"), tmp_path, case)
    else:
        check(request.getfixturevalue("half"), tmp_path, case)


def test_any_damage_is_healed_or_told(half: Half, tmp_path: Path, record: Record) -> None:
    record(fuzz(BORDER, damages(), lambda case: check(half, tmp_path, case)))


def test_any_bytes_of_a_staged_file_are_what_was_written_or_refused(
    worker: Worker, tmp_path: Path, record: Record
) -> None:
    inputs = st.one_of(mutated([SOUND], WORDS, FLIPS), mutated(STAGED, WORDS, FLIPS), mutated(STAGED, WORDS))
    record(fuzz(BORDER, inputs, lambda case: check_staged(worker, tmp_path, case)))
