"""Files elsewhere, through fsspec, with the credentials of whoever runs the command.

The drivers find them as they do everywhere: s3fs in AWS's variables and files, gcsfs in Google's, sshfs in ~/.ssh.
"""

import re
from collections.abc import Hashable
from contextlib import suppress
from typing import IO, Any, cast

import fsspec
from fsspec.asyn import sync
from fsspec.utils import glob_translate

from connector.files.places import scheme_of

_READ_AT_ONCE = 8 << 20
_ENDS_WITHIN = 5.0
"""Seconds."""

_STAMPS = ("ETag", "etag", "generation", "mtime", "LastModified", "updated", "size")
"""What the drivers say of a file that is another once it has changed; each says some of it."""


class Remote:
    """See `Place`. Nothing is kept on this machine's disk."""

    def __init__(self, pattern: str) -> None:
        self._scheme = scheme_of(pattern)
        self._files: Any = _sftp(pattern) if self._scheme == "sftp" else _store(str(self._scheme))
        self._before = pattern.partition("://")[0] + "://"
        self._host = pattern.removeprefix(self._before).partition("/")[0] if self._scheme == "sftp" else ""

    def find(self, pattern: str) -> list[str]:
        """See `Place.find`."""
        path = self._files._strip_protocol(pattern)
        if self._files.exists(path):
            return [pattern]
        found = _at_root(self._files, path) if path.startswith("/") else self._files.glob(path)
        return [self._address(one) for one in found if not self._files.isdir(one)]

    def look(self, path: str) -> tuple[int, Hashable]:
        """See `Place.look`."""
        self._files.invalidate_cache()
        info = self._files.info(path)
        if info["type"] == "directory":
            raise IsADirectoryError
        return int(info["size"]), tuple(str(info.get(name)) for name in _STAMPS)

    def open(self, path: str) -> IO[bytes]:
        """See `Place.open`."""
        further = {} if self._scheme == "sftp" else {"block_size": _READ_AT_ONCE, "cache_type": "readahead"}
        return cast("IO[bytes]", self._files.open(path, "rb", **further))

    def close(self) -> None:
        """See `Place.close`. The stores' drivers end their connections when they are let go of; sshfs keeps its own."""
        if self._scheme == "sftp":
            with suppress(Exception):
                sync(self._files.loop, self._files._pool.close)
                sync(self._files.loop, self._files._stack.aclose, timeout=_ENDS_WITHIN)
        self._files = None

    def _address(self, path: str) -> str:
        return f"{self._before}{self._host}{path}"


def _at_root(files: Any, path: str) -> list[str]:
    """What a glob of an absolute path names: sshfs by itself finds nothing where the first folder has a wildcard."""
    fits = re.compile(glob_translate(path))
    folder = path[: re.search(r"[*?[]|$", path).start()].rpartition("/")[0] + "/"  # type: ignore[union-attr]
    depth = None if "**" in path else path.count("/") - folder.count("/") + 1
    found = ("/" + name.lstrip("/") for name in files.find(folder, maxdepth=depth))
    return [name for name in found if fits.match(name)]


def _store(scheme: str) -> Any:
    return fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False)


def _sftp(pattern: str) -> Any:
    """A server whose key is known: sshfs by itself would take any. Names and keys are those of ~/.ssh/config."""
    from sshfs import SSHFileSystem

    named = SSHFileSystem._get_kwargs_from_urls(pattern)
    host = named.pop("host")
    return SSHFileSystem(host, known_hosts=(), skip_instance_cache=True, **named)
