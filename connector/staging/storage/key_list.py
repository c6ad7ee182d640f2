"""Keep keys on disk in the order in which they come, and read them by place or by partition."""

import itertools
import os
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from connector.core.disk import make_private_file
from connector.errors import CorruptStage
from connector.staging.storage.checksums import checksum
from connector.staging.storage.keys import Keys, keys_from, partition_of, partition_order

_READ_AT_ONCE = 1 << 18
_KEY_BYTES = 16
_BLOCK = 1_024
_BLOCK_BYTES = _BLOCK * _KEY_BYTES
_MAX_PARTITIONS = 4_096
_NONE = keys_from(b"")


class KeyList:
    """Keys in a file that is created with the first of them. `count` is the number of keys.

    Reading raises CorruptStage if the file is not as it was written.
    """

    def __init__(self, path: Path) -> None:
        self.count = 0
        self._path = path
        self._file: BinaryIO | None = None
        self._sums = array("I")
        """The CRC-32 of each block of _BLOCK keys, the last of which may be incomplete."""

    def add(self, keys: Keys) -> None:
        """Append keys. Raises OSError if the disk is full."""
        if not len(keys):
            return
        if self._file is None:
            make_private_file(self._path)
            self._file = self._path.open("w+b", buffering=0)
        data = rest = memoryview(keys.tobytes())
        while rest:
            rest = rest[self._file.write(rest) :]
        self._add_checksums(data)
        self.count += len(keys)

    def _add_checksums(self, data: memoryview) -> None:
        rest = (-self.count % _BLOCK) * _KEY_BYTES
        if rest:
            self._sums[-1] = checksum(data[:rest], self._sums[-1])
        self._sums.extend(checksum(data[at : at + _BLOCK_BYTES]) for at in range(rest, len(data), _BLOCK_BYTES))

    def read(self, start: int, count: int) -> Keys:
        """Return `count` keys from a place on."""
        if self._file is None or not count:
            return _NONE
        first, end = start // _BLOCK, -(-(start + count) // _BLOCK)
        data = memoryview(_bytes(self._file, first * _BLOCK, min(end * _BLOCK, self.count)))
        for number in range(first, end):
            at = (number - first) * _BLOCK_BYTES
            if checksum(data[at : at + _BLOCK_BYTES]) != self._sums[number]:
                raise CorruptStage(f"{self._path} is damaged")
        return keys_from(data)[start - first * _BLOCK :][:count]

    @contextmanager
    def partitioned(self, partitions: int) -> Iterator[Iterator[Keys]]:
        """Yield the present keys partition by partition, see `partition_of`, each in the order in which they came."""
        if partitions == 1:
            yield iter([self.read(0, self.count)])
            return
        with TemporaryFile(dir=self._path.parent) as file:
            parts = [
                _write_partitioned(self.read(start, min(_READ_AT_ONCE, self.count - start)), start, partitions, file)
                for start in range(0, self.count, _READ_AT_ONCE)
            ]
            file.flush()
            yield (
                np.concatenate([_NONE, *(self._partition(file, part, partition) for part in parts)])
                for partition in range(partitions)
            )

    def _partition(self, file: BinaryIO, part: "_PartitionedBlock", partition: int) -> Keys:
        start, end = part.bounds[partition : partition + 2].tolist()
        data = _bytes(file, start, end)
        if checksum(data) != part.sums[partition]:
            raise CorruptStage(f"The partitions of {self._path} are damaged")
        return keys_from(data)

    def close(self) -> None:
        """Fsync and close the file, and keep it. Raises OSError if the disk fails."""
        if self._file is not None:
            os.fsync(self._file.fileno())
            self._file.close()

    def remove(self) -> None:
        """Delete the file."""
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)


def partition_count(count: int, at_once: int) -> int:
    """Return the number of partitions of which each holds about `at_once` of `count` keys."""
    return min(1 + count // at_once, _MAX_PARTITIONS)


@dataclass(frozen=True, slots=True)
class _PartitionedBlock:
    """Keys that were written partition by partition: the bounds of each, and its CRC-32."""

    bounds: npt.NDArray[np.int64]
    sums: "array[int]"


def _write_partitioned(keys: Keys, start: int, partitions: int, file: BinaryIO) -> _PartitionedBlock:
    order, bounds = partition_order(partition_of(keys, partitions), partitions)
    ordered = memoryview(keys[order].tobytes())
    file.write(ordered)
    places = (bounds * _KEY_BYTES).tolist()
    return _PartitionedBlock(
        start + bounds, array("I", (checksum(ordered[a:b]) for a, b in itertools.pairwise(places)))
    )


def _bytes(file: BinaryIO, start: int, end: int) -> bytes:
    return os.pread(file.fileno(), (end - start) * _KEY_BYTES, start * _KEY_BYTES)
