"""Connections to files elsewhere, through fsspec, with the user's own credentials.

The drivers find them as usual: s3fs in AWS's variables and files, gcsfs in Google's, sshfs in ~/.ssh.
"""

from contextlib import suppress
from typing import Any

import fsspec
from fsspec.asyn import sync

from connector.core.disk import PRIVATE_FILE

SFTP = "sftp"
_CLOSE_TIMEOUT = 5.0
"""Seconds."""


class RemoteFiles:
    """The file system of an address such as `s3://bucket/folder`. Safe to use from several threads."""

    def __init__(self, address: str) -> None:
        scheme = address.partition("://")[0]
        self._is_sftp = scheme == SFTP
        self.system: Any = _sftp(address) if self._is_sftp else _object_store(scheme)

    def path_of(self, address: str) -> str:
        """Return the path of an address within its file system."""
        return str(self.system._strip_protocol(address))

    def replace(self, path: str, data: bytes) -> None:
        """Write a whole file, or replace it, so that nobody ever reads a part of it.

        A store of objects shows one when it has all of it. A server of files gets the file under another name first.
        """
        if not self._is_sftp:
            self.system.pipe_file(path, data)
            return
        folder, _, name = path.rpartition("/")
        unfinished = f"{folder}/.{name}.unfinished"
        self.system.pipe_file(unfinished, data)
        sync(self.system.loop, self._rename, unfinished, path)

    async def _rename(self, unfinished: str, path: str) -> None:
        async with self.system._pool.get() as channel:
            await channel.chmod(unfinished, PRIVATE_FILE)
        await self.system._mv(unfinished, path)

    def remove(self, path: str) -> None:
        """Delete a file."""
        self.system.rm_file(path)

    def close(self) -> None:
        """Close the connections. Object stores close with their driver; sshfs has to be closed."""
        if self._is_sftp:
            with suppress(Exception):
                sync(self.system.loop, self.system._pool.close)
                sync(self.system.loop, self.system._stack.aclose, timeout=_CLOSE_TIMEOUT)
        self.system = None


def _object_store(scheme: str) -> Any:
    return fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False)


def _sftp(address: str) -> Any:
    """Connect to a server whose key is known; sshfs accepts any. Names and keys are those of ~/.ssh/config."""
    from sshfs import SSHFileSystem

    options = SSHFileSystem._get_kwargs_from_urls(address)
    host = options.pop("host")
    return SSHFileSystem(host, known_hosts=(), skip_instance_cache=True, **options)
