"""How long it takes to find, among many delivered events, those of a run; and what a join of DuckDB takes for it.

The run's events are a seven-day query's: six of seven were delivered before. The ledger holds so many keys that
nearly all of them are of other events.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import insert

from benchmarks.process import peak_bytes
from connector.core.hashed_rows import EVENTS, KEY, LINE, HashedEvents
from connector.core.route import Route
from connector.ledger.batch_records import KeyPeriods
from connector.ledger.ledger import open_ledger
from connector.ledger.run_records import NewRun, Scope
from connector.ledger.tables import batch_keys, batches
from connector.staging.skip_delivered import skip_delivered
from connector.staging.storage.deletion_mask import DeletionMask
from connector.staging.storage.key_file import KeyFile
from connector.staging.storage.open_files import OpenFiles
from connector.staging.storage.reader import StageReader
from connector.staging.storage.writer import EventsFile, StagedBatch

BATCH = 1_000
_AT_ONCE = 1_000_000
_SCOPE = Scope("bench", "http://127.0.0.1:9")
_RUN = "bench"

Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class KeysResult:
    """`seconds` to find those of `events` that are among the `keys` of the ledger, of `ledger_bytes` on disk;
    `peak_bytes` of memory of the process; `join_seconds` is DuckDB's semi join of the same keys from a Parquet file.
    """

    keys: int
    events: int
    found: int
    seconds: float
    peak_bytes: int
    ledger_bytes: int
    join_seconds: float
    join_found: int


def measure_keys(folder: Path, keys: int, events: int) -> KeysResult:
    """Makes a ledger and a stage below `folder`, which must have room for 30 bytes a key twice, and measures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="keys-") as name:
        place = Path(name)
        make(place, keys, events)
        seconds, found, peak = _in_a_process(place)
        join_seconds, join_found = _join(place)
        size = (place / "ledger.sqlite").stat().st_size
    return KeysResult(keys, events, found, seconds, peak, size, join_seconds, join_found)


def make(place: Path, keys: int, events: int) -> None:
    """A ledger with so many delivered keys, a stage, and the same keys as Parquet."""
    own = _random(0, events)
    delivered = events * 6 // 7
    with (
        open_ledger(f"sqlite:///{place / 'ledger.sqlite'}") as ledger,
        pq.ParquetWriter(place / "delivered.parquet", _PAIR) as parquet,
    ):
        new = NewRun(_RUN, "o", _SCOPE.target, "manual", "d", _SCOPE.api_url, None, datetime.now(UTC))
        ledger.runs.start(new, holder="bench", host="bench")
        for start in range(0, keys, _AT_ONCE):
            some = _random(1 + start, min(_AT_ONCE, keys - start))
            if start < delivered:
                known = own[start : min(start + _AT_ONCE, delivered)]
                some[: len(known)] = known
            parquet.write_table(_pairs(some))
            with ledger.database.writing() as connection:
                rows = list(_batches(start // BATCH, some))
                connection.execute(insert(batches), [row for row, _ in rows])
                connection.execute(insert(batch_keys), [row for _, row in rows])
    pq.write_table(_pairs(own), place / "own.parquet")
    _stage(place / "stage", own)


_PAIR = pa.schema([("low", pa.uint64()), ("high", pa.uint64())])


def _pairs(keys: Keys) -> pa.Table:
    return pa.table([np.ascontiguousarray(keys[:, 0]), np.ascontiguousarray(keys[:, 1])], schema=_PAIR)


def _random(seed: int, number: int) -> Keys:
    return np.random.default_rng(seed).integers(0, 2**63, (number, 2), dtype=np.uint64)


def _batches(first: int, keys: Keys) -> Iterator[tuple[dict[str, object], dict[str, object]]]:
    now, later = datetime.now(UTC), datetime.now(UTC) + timedelta(days=28)
    route = {"resource_type": "offline", "resource_id": "1", "file": "events.arrow", "place": 0}
    moments = {"sent_at": now.isoformat(), "settled_at": now.isoformat()}
    for number, start in enumerate(range(0, len(keys), BATCH), first):
        some = keys[start : start + BATCH]
        counts = {"events": len(some), "rows": len(some), "delivered_events": len(some), "delivered_rows": len(some)}
        place = {"run_id": _RUN, "number": number}
        persons = np.ones(len(some), "<u2").tobytes() + np.ascontiguousarray(some[:, 1]).tobytes()
        kept = {"event_keys": some.tobytes(), "persons": persons, "keep_until": later.isoformat()}
        yield {**place, **route, **counts, **moments, "state": "delivered"}, {**place, **kept}


def _stage(directory: Path, keys: Keys) -> None:
    directory.mkdir()
    (directory / "left-out").mkdir()
    own = KeyFile(directory)
    file = EventsFile(directory, "events.arrow", own)
    head = '{"event":"Purchase","event_time":1790000000,"event_id":"bench","user":{"email":"' + "0" * 400 + '"}'
    for start in range(0, len(keys), 100_000):
        some = keys[start : start + 100_000]
        count = len(some)
        column = pa.FixedSizeBinaryArray.from_buffers(KEY, count, [None, pa.py_buffer(some.tobytes())])
        rows = pa.ListArray.from_arrays(np.arange(count + 1, dtype=np.int32), np.arange(start + 1, start + count + 1))
        line = pa.ListArray.from_arrays(rows.offsets, pa.nulls(count, LINE), type=EVENTS.field("lines").type)
        columns = [column, rows, pa.repeat(head, count), line]
        columns += [pa.nulls(count, EVENTS.field("amount").type), pa.repeat("0" * 16, count)]
        columns += [
            pa.repeat(1_790_000_000, count),
            pa.repeat("USD", count),
            pa.repeat(pa.scalar(1, pa.uint8()), count),
        ]
        file.add(HashedEvents(Route("offline", "1"), pa.table(columns, schema=EVENTS)))
    file.finish()
    own.remove()


def _staged(directory: Path) -> list[StagedBatch]:
    route, name = Route("offline", "1"), "events.arrow"
    with closing(OpenFiles(directory)) as files:
        sizes = [batch.num_rows for batch in files.batches(name)]
    return [StagedBatch(route, name, index, size, size) for index, size in enumerate(sizes)]


def _in_a_process(place: Path) -> tuple[float, int, int]:
    command = [sys.executable, "-m", "benchmarks.delivered_keys", str(place)]
    told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return told["seconds"], told["found"], told["peak_bytes"]


def find(place: Path) -> dict[str, float]:
    """Takes out of the stage what the ledger knows, as a run does."""
    directory = place / "stage"
    batches_ = _staged(directory)
    keys = _keys_of(directory, batches_)
    since = KeyPeriods(datetime.now(UTC) - timedelta(days=28), None)
    started = perf_counter()
    with open_ledger(f"sqlite:///{place / 'ledger.sqlite'}") as ledger:
        steps = skip_delivered(
            directory, keys, batches_, DeletionMask(keys), lambda: ledger.delivered.sent(_SCOPE, since)
        )
        found = sum(step.skips.total() for step in steps)
    seconds, peak = perf_counter() - started, peak_bytes()
    keys.remove()
    return {"seconds": seconds, "found": found, "peak_bytes": peak}


def _keys_of(directory: Path, staged: list[StagedBatch]) -> KeyFile:
    """As a run has them that has just written the batches."""
    keys = KeyFile(directory)
    with StageReader(directory) as reader:
        for batch in staged:
            keys.add(batch.file, reader.whole(batch.file, batch.index)["key"])
    return keys


def _join(place: Path) -> tuple[float, int]:
    started = perf_counter()
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("SET enable_progress_bar = false")
        files = [str(place / name) for name in ("own.parquet", "delivered.parquet")]
        sql = "SELECT count(*) FROM read_parquet(?) AS own SEMI JOIN read_parquet(?) AS known USING (low, high)"
        found = connection.execute(sql, files).fetchall()[0][0]
    return perf_counter() - started, found


if __name__ == "__main__":
    print(json.dumps(find(Path(sys.argv[1]))))
