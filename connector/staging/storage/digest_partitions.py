"""Identifiers by the million, in shares that each fit into memory.

A digest is known by its first 128 bits, as an event is by its key: the digests of two addresses do not agree in them by
chance.
"""

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import numpy.typing as npt

from connector.core.disk import make_private_file, make_private_folder
from connector.errors import CorruptStage
from connector.staging.storage.checksums import checksum
from connector.staging.storage.keys import Keys, in_share_order

DIGEST_BYTES = 32
SHARES = 64
"""Of 50 million digests a share holds 0.8 million, which is 25 MB."""

Digests = npt.NDArray[np.uint8]
"""Shape (n, 32)."""


def digests_from(data: bytes) -> Digests:
    """Digests that were written one after the other."""
    return np.frombuffer(data, np.uint8).reshape(-1, DIGEST_BYTES)


def keys_of(digests: Digests) -> Keys:
    """The first 128 bits of each digest, as two numbers."""
    return np.ascontiguousarray(digests[:, :16]).view("<u8").reshape(-1, 2)


def in_order(digests: Digests) -> npt.NDArray[np.int64]:
    """The positions of the digests, sorted by their keys; equal ones in the order in which they stand."""
    keys = keys_of(digests)
    return np.lexsort((keys[:, 1], keys[:, 0]))


def repeats(ordered: Digests) -> npt.NDArray[np.bool_]:
    """Of each of sorted digests, whether it is that before it."""
    keys = keys_of(ordered)
    return np.r_[False, (keys[1:] == keys[:-1]).all(axis=1)] if len(keys) else np.zeros(0, np.bool_)


def distinct(digests: Digests) -> Digests:
    """Sorted, each once."""
    ordered = digests[in_order(digests)]
    found: Digests = ordered[~repeats(ordered)]
    return found


class DigestPartitions:
    """Records with a field `digest`, written by type and share as they come, and read share by share.

    What is read raises CorruptStage where it is not what was written.
    """

    def __init__(self, directory: Path, record: np.dtype[np.void]) -> None:
        self._sums: dict[tuple[str, int], int] = {}
        self._directory, self._record = directory, record
        self._open: dict[Path, BinaryIO] = {}
        make_private_folder(directory)

    def add(self, id_type: str, records: npt.NDArray[np.void]) -> None:
        """Appends records, in their order."""
        order, bounds = in_share_order(records["digest"][:, 0] >> 2, SHARES)
        for share in np.flatnonzero(np.diff(bounds)):
            data = records[order[bounds[share] : bounds[share + 1]]].tobytes()
            key = (id_type, int(share))
            self._file(*key).write(data)
            self._sums[key] = checksum(data, self._sums.get(key, 0))

    def finish(self) -> None:
        """Nothing more is added."""
        with ExitStack() as stack:
            for file in self._open.values():
                stack.callback(file.close)
            self._open = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Closes the files; of a disk that is full, whoever wrote to it last has told."""
        with suppress(*[OSError] if error is not None else []):
            self.finish()

    def read(self, id_type: str, share: int) -> npt.NDArray[np.void]:
        """The records of a share."""
        if (id_type, share) not in self._sums:
            return np.empty(0, self._record)
        path = self._path(id_type, share)
        data = path.read_bytes() if path.exists() else b""
        if checksum(data) != self._sums[id_type, share]:
            raise CorruptStage(f"{path} is {'damaged' if data else 'missing'}")
        return np.frombuffer(data, self._record)

    def remove(self) -> None:
        """Deletes the files."""
        self.finish()
        for path in self._directory.iterdir():
            path.unlink()
        self._directory.rmdir()

    def _file(self, id_type: str, share: int) -> BinaryIO:
        path = self._path(id_type, share)
        if path not in self._open:
            make_private_file(path)
            self._open[path] = path.open("ab")
        return self._open[path]

    def _path(self, id_type: str, share: int) -> Path:
        return self._directory / f"{id_type}.{share}"
