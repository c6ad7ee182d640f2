"""The input that each process is checking, in a file, so that one that kills its process is not lost."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

FOLDER = Path(__file__).parents[2] / ".pytest_cache" / "fuzz"


class UnderWay:
    """A file of this process that holds its input. It is gone when the process ends the target itself."""

    def __init__(self, border: str, folder: Path = FOLDER) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{border}.{os.getpid()}"
        self._file: BinaryIO = self._path.open("wb", buffering=0)

    def write(self, name: str, content: bytes, seed: int) -> None:
        """Replace the input."""
        data = json.dumps({"name": name, "seed": seed}).encode() + b"\n" + content
        self._file.truncate(os.pwrite(self._file.fileno(), data, 0))

    def remove(self) -> None:
        """Remove the file."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def take_fatal(folder: Path = FOLDER) -> Iterator[tuple[str, str, bytes, int]]:
    """Yield border, name, content and seed of inputs whose process died, and remove them."""
    for path in sorted(folder.glob("*.*")):
        border, _, process_id = path.name.rpartition(".")
        if _is_alive(int(process_id)):
            continue
        first, _, content = path.read_bytes().partition(b"\n")
        path.unlink()
        if first:
            told = json.loads(first)
            yield border, told["name"], content, told["seed"]


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except OSError:
        return False
    return True
