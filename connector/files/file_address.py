"""Addresses of files to read: types by suffix, and how they are shown."""

from pathlib import Path, PurePosixPath

from connector.config.remote_address import check_driver, display_address
from connector.errors import FileRefused

SUFFIXES = {".csv": "comma", ".tsv": "tab", ".psv": "pipe", ".txt": None}
GZIP_SUFFIX = ".gz"
PARQUET_SUFFIX = ".parquet"

WILDCARDS = frozenset("*?[")


def check_address(pattern: str, directory: Path) -> None:
    """Check a path or an address without opening it.

    Raises ConfigurationError for an unknown scheme or a driver that is not installed, FileRefused for an unknown type.
    """
    check_driver(pattern)
    if not WILDCARDS & set(pattern.rpartition("/")[2]):
        check_name(pattern, display_path(pattern, directory))


def check_name(path: str, display_name: str) -> None:
    """Raise FileRefused if the type of a file is not supported."""
    if suffix_of(path) not in SUFFIXES and not is_parquet(path):
        suffixes = ", ".join(SUFFIXES)
        raise FileRefused(
            f"{display_name} has a type that is not supported: its name must end in {PARQUET_SUFFIX}, or in "
            f"{suffixes}, each of which may be followed by .gz."
        )


def is_parquet(path: str) -> bool:
    """Test whether a file's name says that it is Parquet."""
    return path.lower().endswith(PARQUET_SUFFIX)


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
