"""What no program could do without: hash what identifies people, move the JSON through memory, to disk and out."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.by_hand import dict_rows
from benchmarks.python_reference import HEX, address_of, number_of
from benchmarks.sink import Totals, running_sink
from benchmarks.sink_speed import requests_per_second
from benchmarks.timing import Timing, timed

REPETITIONS = 3
LEAST_REQUESTS = 200
_BLOCK, _PADDING = 64, 9
"""SHA-256 works on blocks of 64 bytes; a message is followed by at least 9 more (FIPS 180-4, 5.1.1)."""
_REGION = "US"
_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Floor:
    """CPU seconds a million rows. `digests`, `hashed_bytes` and `body_bytes` are those of `rows`.

    `blocks` is SHA-256 over as many blocks in one go, at the speed of the processor's instructions; `one_by_one` is
    hashlib called for each digest. `disk` has seconds on the clock, too: there the processor mostly waits.
    """

    rows: int
    digests: int
    hashed_bytes: int
    body_bytes: int
    blocks: float
    one_by_one: float
    memory: float
    disk: Timing
    loopback: float

    @property
    def transform(self) -> float:
        """What is hashed, and the JSON written once."""
        return self.blocks + self.memory

    @property
    def stage(self) -> float:
        """The same, and its bytes to disk once."""
        return self.transform + self.disk.cpu

    @property
    def whole(self) -> float:
        """All of it."""
        return self.stage + self.loopback


def measure_floor(file: Path, rows: int, sent: Totals) -> Floor:
    """Of a run that reads `rows` from `file` and sends what `sent` says; the least of several measurements each."""
    hashed = list(hashed_texts(file))
    blocks = bytes(_BLOCK * sum((len(text) + _PADDING + _BLOCK - 1) // _BLOCK for text in hashed))
    per_million = 1e6 / rows
    disk = _to_disk(file.parent, sent.body_bytes)
    return Floor(
        rows=rows,
        digests=len(hashed),
        hashed_bytes=sum(map(len, hashed)),
        body_bytes=sent.body_bytes,
        blocks=_least(lambda: hashlib.sha256(blocks).digest()).cpu * per_million,
        one_by_one=_least(lambda: [hashlib.sha256(text).hexdigest() for text in hashed]).cpu * per_million,
        memory=_through_memory(sent.body_bytes) * per_million,
        disk=Timing(disk.seconds * per_million, disk.cpu * per_million),
        loopback=_over_loopback(sent) * per_million,
    )


def hashed_texts(file: Path) -> Iterator[bytes]:
    """What has to be hashed: the e-mail and the phone of each order, normalised, unless they are digests already."""
    with duckdb.connect(str(file), read_only=True) as connection:
        before = None
        for row in dict_rows(connection):
            if row["order_id"] == before:
                continue
            before = row["order_id"]
            for given, normalise in ((row["email"], address_of), (row["phone"], _number_of)):
                text = (given or "").strip()
                if text and not HEX.fullmatch(text) and (normal := normalise(text)):
                    yield normal.encode()


def _number_of(text: str) -> str | None:
    return number_of(text, _REGION)


def _least(work: Callable[[], object]) -> Timing:
    return min((timed(work)[0] for _ in range(REPETITIONS)), key=lambda one: one.cpu)


def _through_memory(size: int) -> float:
    source, target = np.ones(size, np.uint8), np.ones(size, np.uint8)
    return _least(lambda: np.copyto(target, source)).cpu


def _to_disk(folder: Path, size: int) -> Timing:
    """Not in the system's temporary folder, which may lie in memory."""
    piece = bytes(_MB)

    def write() -> None:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            for _ in range(0, size, _MB):
                file.write(piece)
            os.fsync(file.fileno())

    return _least(write)


def _over_loopback(sent: Totals) -> float:
    """CPU seconds of a client that only writes as many bytes, in as many requests, to sockets."""
    requests = max(LEAST_REQUESTS, sent.requests)
    with running_sink() as sink:
        least = _least(lambda: requests_per_second(sink, sent.body_bytes // sent.requests, requests))
    return least.cpu * sent.requests / requests
