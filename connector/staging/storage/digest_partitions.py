"""Partition millions of identifiers so that each partition fits into memory.

A digest is identified by its first 128 bits, as an event is by its key: two identifiers never agree in them by chance.
"""

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import numpy.typing as npt

from connector.core.disk import make_private_file, make_private_folder
from connector.errors import CorruptStage
from connector.staging.storage.checksums import checksum
from connector.staging.storage.keys import Keys, partition_order

DIGEST_BYTES = 32
PARTITIONS = 64
"""With 50 million digests, a partition holds 0.8 million of them, which is 25 MB."""

Digests = npt.NDArray[np.uint8]
"""Shape (n, 32)."""


def digest_partitions(digests: Digests) -> npt.NDArray[np.uint8]:
    """Return the partition of each digest: its first six bits."""
    return np.asarray(digests[:, 0] >> np.uint8(2))


def digests_from(data: bytes) -> Digests:
    """Return the digests in a buffer of consecutive ones."""
    return np.frombuffer(data, np.uint8).reshape(-1, DIGEST_BYTES)


def digest_keys(digests: Digests) -> Keys:
    """Return the first 128 bits of each digest, as two numbers."""
    return np.ascontiguousarray(digests[:, :16]).view("<u8").reshape(-1, 2)


def sort_positions(digests: Digests) -> npt.NDArray[np.int64]:
    """Return the positions that sort the digests by their keys; equal ones keep their order."""
    keys = digest_keys(digests)
    return np.lexsort((keys[:, 1], keys[:, 0]))


def repeats_previous(ordered: Digests) -> npt.NDArray[np.bool_]:
    """Return a flag for each of the sorted digests: true if it equals the one before it."""
    keys = digest_keys(ordered)
    return np.r_[False, (keys[1:] == keys[:-1]).all(axis=1)] if len(keys) else np.zeros(0, np.bool_)


def distinct(digests: Digests) -> Digests:
    """Return the digests sorted and each once."""
    ordered = digests[sort_positions(digests)]
    found: Digests = ordered[~repeats_previous(ordered)]
    return found


class DigestPartitions:
    """Records with a field `digest`, written to a file for each type and partition, and read partition by partition.

    Reading raises CorruptStage if a file is not as it was written.
    """

    def __init__(self, directory: Path, record: np.dtype[np.void]) -> None:
        self._sums: dict[tuple[str, int], int] = {}
        self._directory, self._record = directory, record
        self._open: dict[Path, BinaryIO] = {}
        make_private_folder(directory)

    def add(self, id_type: str, records: npt.NDArray[np.void]) -> None:
        """Append records, and keep their order within each partition."""
        order, bounds = partition_order(digest_partitions(records["digest"]), PARTITIONS)
        for partition in np.flatnonzero(np.diff(bounds)):
            data = records[order[bounds[partition] : bounds[partition + 1]]].tobytes()
            key = (id_type, int(partition))
            self._file(*key).write(data)
            self._sums[key] = checksum(data, self._sums.get(key, 0))

    def finish(self) -> None:
        """Close the files for writing."""
        with ExitStack() as stack:
            for file in self._open.values():
                stack.callback(file.close)
            self._open = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Close the files; if the block failed, suppress OSError, since a full disk would be reported twice."""
        with suppress(*[OSError] if error is not None else []):
            self.finish()

    def read(self, id_type: str, partition: int) -> npt.NDArray[np.void]:
        """Return the records of a partition."""
        if (id_type, partition) not in self._sums:
            return np.empty(0, self._record)
        path = self._path(id_type, partition)
        data = path.read_bytes() if path.exists() else b""
        if checksum(data) != self._sums[id_type, partition]:
            raise CorruptStage(f"{path} is {'damaged' if data else 'missing'}")
        return np.frombuffer(data, self._record)

    def remove(self) -> None:
        """Delete the files."""
        self.finish()
        for path in self._directory.iterdir():
            path.unlink()
        self._directory.rmdir()

    def _file(self, id_type: str, partition: int) -> BinaryIO:
        path = self._path(id_type, partition)
        if path not in self._open:
            make_private_file(path)
            self._open[path] = path.open("ab")
        return self._open[path]

    def _path(self, id_type: str, partition: int) -> Path:
        return self._directory / f"{id_type}.{partition}"
