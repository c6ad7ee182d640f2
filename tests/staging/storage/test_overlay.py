"""A stage of which the files lie in a shared folder is read as one that lies here."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.core.hashed_rows import EVENTS
from connector.errors import CorruptStage
from connector.staging.storage.arrow_file import ArrowFile
from connector.staging.storage.checksums import append_checksum
from connector.staging.storage.deletion_mask import DELETIONS_FILE
from connector.staging.storage.reader import FIRST_ROWS, StageReader
from connector.staging.storage.shared_folder import SharedFolder, link
from tests.hypothesis_settings import scaled
from tests.staging.stages import UNHURRIED
from tests.staging.storage.test_arrow_file import CHANGES

ATTEMPT, FILE = "split-00000-ab12cd", "events.arrow"
NAME = f"{ATTEMPT}/{FILE}"

MANY = settings(UNHURRIED, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

LINES = st.fixed_dictionaries(
    {
        "item": st.none() | st.text(max_size=9),
        "amount": st.none() | st.decimals(-99, 99, places=6),
        "digest": st.integers(0, 2**64 - 1),
        "head_digest": st.integers(0, 2**64 - 1),
        "priced": st.sampled_from([None, True, False]),
    }
)
EVENT = st.fixed_dictionaries(
    {
        "key": st.binary(min_size=16, max_size=16),
        "rows": st.lists(st.integers(1, 2**40), max_size=3),
        "head": st.text(max_size=20),
        "lines": st.lists(LINES, max_size=3),
        "amount": st.none() | st.decimals(-99, 99, places=6),
        "persons": st.text("0123456789abcdef", max_size=32),
        "time": st.none() | st.integers(0, 2**40),
        "currency": st.sampled_from([None, "USD"]),
        "marks": st.none() | st.integers(0, 255),
    }
)
BATCHES = st.lists(st.lists(EVENT, max_size=4), max_size=4)


def batches_of(events: list[list[dict[str, object]]]) -> list[pa.RecordBatch]:
    return [pa.RecordBatch.from_pylist(batch, schema=EVENTS) for batch in events]


def write(folder: Path, batches: list[pa.RecordBatch]) -> None:
    with ArrowFile(folder / FILE, EVENTS) as file:
        for batch in batches:
            file.append(batch)


def some_batches(*sizes: int) -> list[pa.RecordBatch]:
    return batches_of([[event(number, place) for place in range(size)] for number, size in enumerate(sizes)])


def event(number: int, place: int) -> dict[str, object]:
    line = {"item": "x", "amount": Decimal("1.5"), "digest": 1, "head_digest": 2, "priced": True}
    key = (1000 * number + place).to_bytes(16)
    return {"key": key, "rows": [place + 1], "head": "{", "lines": [line], "persons": ""}


def delete(folder: Path, **places: list[int]) -> None:
    """Write which events of the batches b0, b1, … are deleted."""
    folder.mkdir(exist_ok=True)
    named = {f"{NAME}/{index[1:]}": np.array(events, np.uint16) for index, events in places.items()}
    with (folder / DELETIONS_FILE).open("wb") as file:
        np.savez(file, **named)  # type: ignore[arg-type]
    append_checksum(folder / DELETIONS_FILE)


def overlay(tmp_path: Path, shared: SharedFolder) -> None:
    """Make the folder `run` an overlay of a stage whose rows have the numbers of the result."""
    link(tmp_path / "run", shared)
    (tmp_path / "run" / FIRST_ROWS).write_text("{}")


def keys(stage: StageReader, index: int) -> list[int]:
    return [int.from_bytes(key) for key in stage.events(NAME, index)["key"].to_pylist()]


@scaled(MANY, 100)
@given(BATCHES)
def test_whatever_an_attempt_wrote_is_read_through_an_overlay(
    shared: SharedFolder, tmp_path: Path, events: list[list[dict[str, object]]]
) -> None:
    shared.remove()
    batches = batches_of(events)
    with shared.attempt(ATTEMPT) as folder:
        write(folder, batches)
    overlay(tmp_path, shared)
    with StageReader(tmp_path / "run") as stage:
        assert [stage.whole(NAME, index) for index in range(len(batches))] == batches
        assert [stage.events(NAME, index) for index in reversed(range(len(batches)))] == batches[::-1]
        with pytest.raises(CorruptStage, match=f"{NAME} is damaged"):
            stage.whole(NAME, len(batches))


def test_what_is_here_comes_first(shared: SharedFolder, tmp_path: Path) -> None:
    with shared.attempt(ATTEMPT) as folder:
        write(folder, some_batches(3))
    overlay(tmp_path, shared)
    (tmp_path / "run" / ATTEMPT).mkdir()
    write(tmp_path / "run" / ATTEMPT, some_batches(3, 2))
    with StageReader(tmp_path / "run") as stage:
        assert keys(stage, 1) == [1000, 1001]


def test_published_deletions_are_left_out(shared: SharedFolder, tmp_path: Path) -> None:
    with shared.attempt(ATTEMPT) as folder:
        write(folder, some_batches(3, 2))
    overlay(tmp_path, shared)
    delete(tmp_path / "driver", b0=[1])
    shared.publish(tmp_path / "driver", [DELETIONS_FILE])
    with StageReader(tmp_path / "run") as stage:
        assert (keys(stage, 0), keys(stage, 1)) == ([0, 2], [1000, 1001])
    delete(tmp_path / "run", b1=[0])
    with StageReader(tmp_path / "run") as stage:
        assert (keys(stage, 0), keys(stage, 1)) == ([0, 1, 2], [1001])


def test_damaged_deletions_are_found(shared: SharedFolder, tmp_path: Path) -> None:
    with shared.attempt(ATTEMPT) as folder:
        write(folder, some_batches(3))
    overlay(tmp_path, shared)
    delete(tmp_path / "driver", b0=[1])
    content = (tmp_path / "driver" / DELETIONS_FILE).read_bytes()
    for changed in (b"", content[:50], content[:-1], content.replace(b"crc32", b"crc33"), content[:30] + content[31:]):
        (tmp_path / "driver" / DELETIONS_FILE).write_bytes(changed)
        shared.publish(tmp_path / "driver", [DELETIONS_FILE])
        with StageReader(tmp_path / "run") as stage, pytest.raises(CorruptStage, match=f"{DELETIONS_FILE} is damaged"):
            keys(stage, 0)


@pytest.mark.parametrize("name", CHANGES)
def test_other_bytes_are_never_taken_for_those_that_were_written(
    shared: SharedFolder, tmp_path: Path, name: str
) -> None:
    batches = some_batches(2, 1)
    with shared.attempt(ATTEMPT) as folder:
        write(folder, batches)
    overlay(tmp_path, shared)
    (tmp_path / "own" / ATTEMPT).mkdir(parents=True)
    whole = shared.read(NAME) or b""
    for changed in [*CHANGES[name](whole)][::40]:
        (tmp_path / "own" / NAME).write_bytes(changed)
        shared.publish(tmp_path / "own", [NAME])
        for index, batch in enumerate(batches):
            with StageReader(tmp_path / "run") as stage:
                try:
                    assert stage.whole(NAME, index).equals(batch)
                except CorruptStage as corrupt:
                    assert str(shared) in corrupt.fault


def test_what_is_nowhere_is_missing(shared: SharedFolder, tmp_path: Path) -> None:
    overlay(tmp_path, shared)
    with StageReader(tmp_path / "run") as stage, pytest.raises(CorruptStage, match=f"{shared}/{NAME} is missing"):
        stage.whole(NAME, 0)
