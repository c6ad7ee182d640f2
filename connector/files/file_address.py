"""Addresses of files: schemes and their drivers, types by suffix, and how they are shown."""

import re
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from connector.config.suggest import did_you_mean
from connector.errors import ConfigurationError, FileRefused

DRIVERS = {"s3": "s3fs", "gs": "gcsfs", "sftp": "sshfs"}
"""The driver of each scheme; the extra `files` installs all of them."""

SUFFIXES = {".csv": "comma", ".tsv": "tab", ".psv": "pipe", ".txt": None}
GZIP_SUFFIX = ".gz"

WILDCARDS = frozenset("*?[")
_USER = re.compile(r"(?<=://)[^/@]*:[^/@]*@")


def scheme_of(pattern: str) -> str | None:
    """Return the scheme of an address; None for a local path. Raises ConfigurationError for an unknown one."""
    scheme, mark, _ = pattern.partition("://")
    if not mark:
        return None
    if scheme in DRIVERS:
        return scheme
    schemes = ", ".join(f"{name}://" for name in DRIVERS)
    hint = did_you_mean(scheme, DRIVERS)
    raise ConfigurationError(f'Unknown scheme "{scheme}://": use a path, or one of {schemes}.{hint}')


def check_address(pattern: str, directory: Path) -> None:
    """Check a path or an address without opening it.

    Raises ConfigurationError for an unknown scheme or a driver that is not installed, FileRefused for an unknown type.
    """
    scheme = scheme_of(pattern)
    if scheme and not (_is_installed("fsspec") and _is_installed(DRIVERS[scheme])):
        raise ConfigurationError(f"Files at {scheme}:// need {DRIVERS[scheme]}: pip install 'sql-to-tiktok[files]'.")
    if not WILDCARDS & set(pattern.rpartition("/")[2]):
        check_name(pattern, display_path(pattern, directory))


def check_name(path: str, display_name: str) -> None:
    """Raise FileRefused if the type of a file is not supported."""
    if suffix_of(path) not in SUFFIXES:
        suffixes = ", ".join(SUFFIXES)
        raise FileRefused(
            f"{display_name} has a type that is not supported: its name must end in {suffixes}, or one of them and .gz."
        )


def is_packed(path: str) -> bool:
    """Test whether a file's name says that it is gzip."""
    return path.lower().endswith(GZIP_SUFFIX)


def suffix_of(path: str) -> str:
    """Return the suffix of a path, without .gz."""
    name = PurePosixPath(path.lower().removesuffix(GZIP_SUFFIX))
    return name.suffix


def display_path(path: str, directory: Path) -> str:
    """Format a path or an address for a message: relative to the project's folder, without a password."""
    local = Path(path)
    return str(local.relative_to(directory)) if local.is_relative_to(directory) else display_address(path)


def display_address(address: str) -> str:
    """Return an address without the password that it may contain."""
    return _USER.sub("…@", address)


def _is_installed(module: str) -> bool:
    return find_spec(module) is not None
