"""Files of this machine."""

import os
from collections.abc import Hashable
from glob import glob
from pathlib import Path
from typing import IO


class Local:
    """See `Place`."""

    def find(self, pattern: str) -> list[str]:
        """See `Place.find`."""
        if Path(pattern).exists():
            return [pattern]
        return [path for path in glob(pattern, recursive=True) if Path(path).is_file()]  # noqa: PTH207

    def look(self, path: str) -> tuple[int, Hashable]:
        """See `Place.look`."""
        if Path(path).is_dir():
            raise IsADirectoryError
        found = os.stat(path)  # noqa: PTH116
        return found.st_size, (found.st_size, found.st_mtime_ns, found.st_ino)

    def open(self, path: str) -> IO[bytes]:
        """See `Place.open`."""
        return Path(path).open("rb", buffering=0)

    def close(self) -> None:
        """See `Place.close`."""
