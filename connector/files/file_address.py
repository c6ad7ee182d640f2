"""Addresses of files to read: types by suffix, and how they are shown."""

import re
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from connector.catalogue import AUDIENCES, EVENTS
from connector.config.file_format import TABLES, FileFormat
from connector.config.remote_address import check_driver, display_address, scheme_of
from connector.core.redaction import REDACTED, redact
from connector.core.version import install_hint
from connector.errors import ConfigurationError, FileRefused, Problem, Rule

SUFFIXES = {".csv": "comma", ".tsv": "tab", ".psv": "pipe", ".txt": None}
GZIP_SUFFIX = ".gz"
PARQUET_SUFFIX = ".parquet"

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""Stands for NULL in the name of a folder. Source: Hive's documentation of dynamic partitions; Spark writes it too."""
_DATE = re.compile(r"\d{4}-?(?:0[1-9]|1[0-2])(?:-?(?:0[1-9]|[12]\d|3[01]))?")

Partitions = tuple[tuple[str, str | None], ...]
"""The columns that the folders of a path name, as `day=2026-11-30` does, with their values."""

WILDCARDS = frozenset("*?[")


ICEBERG_SUFFIX = ".metadata.json"
"""The end of the names of files that describe an Iceberg table."""


def check_address(pattern: str, directory: Path, file_format: FileFormat | None = None) -> None:
    """Check a path or an address without opening it.

    Raises ConfigurationError for an unknown scheme or a driver that is not installed, FileRefused for an unknown type.
    """
    check_driver(pattern)
    if file_format is not None and file_format.is_table:
        _check_table(pattern, display_path(pattern, directory), file_format.name)
    elif not WILDCARDS & set(pattern.rpartition("/")[2]) and not may_be_table(pattern):
        check_name(pattern, display_path(pattern, directory))


def may_be_table(pattern: str) -> bool:
    """Test whether an address can be that of a table: whether it is a folder elsewhere is only known by opening it."""
    if WILDCARDS & set(pattern):
        return False
    if scheme_of(pattern) is None and Path(pattern).is_dir():
        return True
    return pattern.endswith(ICEBERG_SUFFIX) or (scheme_of(pattern) is not None and not suffix_of(pattern.rstrip("/")))


def _check_table(pattern: str, name: str, kind: str) -> None:
    if WILDCARDS & set(pattern):
        raise FileRefused(
            f"{name} may name several files, and a table is one folder: name the folder, without wildcards."
        )
    if kind == "delta" and scheme_of(pattern) == "sftp":
        raise FileRefused(
            f"{name}: Delta tables are not read through sftp://: use s3:// or gs://, or mount the folder."
        )
    check_table_driver(kind)


def check_table_driver(kind: str) -> None:
    """Raise ConfigurationError if the driver of a kind of table is not installed."""
    driver, title = TABLES[kind]
    if find_spec(driver) is None:
        message = f"{title} tables need {driver}: {install_hint(kind)}."
        raise ConfigurationError([Problem(message, rule=Rule.MISSING_DRIVER)])


def check_name(path: str, display_name: str) -> None:
    """Raise FileRefused if the type of a file is not supported."""
    if suffix_of(path) not in SUFFIXES and not is_parquet(path):
        suffixes = ", ".join(SUFFIXES)
        raise FileRefused(
            f"{display_name} has a type that is not supported: its name must end in {PARQUET_SUFFIX}, or in "
            f"{suffixes}, each of which may be followed by .gz. A folder must be a Delta or Iceberg table."
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


def partitions(path: str) -> Partitions:
    """Return the columns that the folders of a path below the project, or of an address, name."""
    pairs = (folder.partition("=") for folder in path.split("/")[:-1])
    named = {unquote(name): unquote(value) for name, sign, value in pairs if sign and name}
    return tuple((name, None if value == NO_VALUE else value) for name, value in named.items())


def without_personal_partitions(path: str) -> str:
    """Return a path for messages and the ledger: its folders may name columns that identify a person."""
    *folders, name = path.split("/")
    return "/".join([*map(_without_value, folders), name])


def _without_value(folder: str) -> str:
    name, sign, value = folder.partition("=")
    parameter = EVENTS.named(unquote(name)) or AUDIENCES.named(unquote(name))
    if not sign or _DATE.fullmatch(value):
        return folder
    is_personal = parameter is not None and (parameter.hashed or parameter.personal)
    return f"{name}={REDACTED if is_personal else redact(unquote(value))}"
