"""The user behind a connection from this machine, on Linux."""

import ipaddress
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

_TABLES = {4: Path("/proc/net/tcp"), 6: Path("/proc/net/tcp6")}


def is_other_user(scope: dict[str, Any]) -> bool:
    """Return whether another user of this machine has sent a request; false where that cannot be told.

    Browsers send the cookies of a host to all of its ports, so another user's server could have read one.
    """
    client, server = scope.get("client"), scope.get("server")
    if not client or not server:
        return False
    user = user_of_connection((client[0], client[1]), (server[0], server[1]))
    return user is not None and user != os.getuid()


def user_of_connection(local: tuple[str, int], remote: tuple[str, int]) -> int | None:
    """Return the user id of the process at the `local` end of a connection; None if it is not known."""
    try:
        ends = [(ipaddress.ip_address(host), port) for host, port in (local, remote)]
    except ValueError:
        return None
    forms = {6: [_as_version_6(*end) for end in ends]}
    if all(address.version == 4 for address, _ in ends):
        forms[4] = [_hexadecimal(address.packed, port) for address, port in ends]
    return next((user for version, wanted in forms.items() for user in _users(_TABLES[version], wanted)), None)


def _users(table: Path, wanted: list[str]) -> Iterator[int]:
    with suppress(OSError, ValueError):
        for fields in map(str.split, table.read_text("ascii").splitlines()[1:]):
            if fields[1:3] == wanted:
                yield int(fields[7])


def _as_version_6(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> str:
    packed = address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed
    return _hexadecimal(packed, port)


def _hexadecimal(packed: bytes, port: int) -> str:
    """Write an address as the kernel does: words of 32 bits in the machine's byte order."""
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"
