"""Files elsewhere that rows are read from."""

import re
from collections.abc import Hashable
from typing import IO, Any, cast

from fsspec.utils import glob_translate

from connector.config.remote_address import scheme_of
from connector.core.remote_files import SFTP, RemoteFiles

_BLOCK_BYTES = 8 << 20
_STAMP_FIELDS = ("ETag", "etag", "generation", "mtime", "LastModified", "updated", "size")
"""Fields that change with a file; each driver has some of them."""


class RemoteStore:
    """Files at an address; see `FileStore`. Nothing is written to this machine's disk."""

    def __init__(self, pattern: str) -> None:
        self._scheme = scheme_of(pattern)
        self._connection = RemoteFiles(pattern)
        self._files: Any = self._connection.system
        self._prefix = pattern.partition("://")[0] + "://"
        self._host = pattern.removeprefix(self._prefix).partition("/")[0] if self._scheme == SFTP else ""

    def find(self, pattern: str) -> list[str]:
        """See `FileStore.find`."""
        path = self._files._strip_protocol(pattern)
        if self._files.exists(path):
            return [pattern]
        paths = _glob_from_root(self._files, path) if path.startswith("/") else self._files.glob(path)
        return [self._address(one) for one in paths if not self._files.isdir(one)]

    def stat(self, path: str) -> tuple[int, Hashable, str]:
        """See `FileStore.stat`."""
        self._files.invalidate_cache()
        info = self._files.info(path)
        if info["type"] == "directory":
            raise IsADirectoryError
        stamp = tuple(str(info.get(name)) for name in _STAMP_FIELDS)
        return int(info["size"]), stamp, "/".join(stamp)

    def open(self, path: str) -> IO[bytes]:
        """See `FileStore.open`."""
        options = {} if self._scheme == SFTP else {"block_size": _BLOCK_BYTES, "cache_type": "readahead"}
        return cast("IO[bytes]", self._files.open(path, "rb", **options))

    def close(self) -> None:
        """See `FileStore.close`."""
        self._connection.close()
        self._files = None

    def _address(self, path: str) -> str:
        return f"{self._prefix}{self._host}{path}"


def _glob_from_root(files: Any, path: str) -> list[str]:
    """Match a glob of an absolute path: sshfs finds nothing if the first folder has a wildcard."""
    pattern = re.compile(glob_translate(path))
    folder = path[: re.search(r"[*?[]|$", path).start()].rpartition("/")[0] + "/"  # type: ignore[union-attr]
    depth = None if "**" in path else path.count("/") - folder.count("/") + 1
    names = ("/" + name.lstrip("/") for name in files.find(folder, maxdepth=depth))
    return [name for name in names if pattern.match(name)]
