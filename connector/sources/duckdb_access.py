"""Restriction of a DuckDB session to the warehouse file, the project folder, and what the settings name."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import duckdb

from connector.config.project_files import FILE
from connector.config.warehouse import Warehouse
from connector.errors import SourceError

_QUOTE = re.compile(r"['\"]")
_WILDCARD = re.compile(r"[*?\[]")
_HTTPFS = "httpfs"
_SCHEME = re.compile(r"\w+://")


def is_restricted(connection: duckdb.DuckDBPyConnection) -> bool:
    """Test whether `restrict` was called for the database of this connection, perhaps through another one."""
    ((locked,),) = connection.execute("SELECT current_setting('lock_configuration')").fetchall()
    return bool(locked)


def restrict(
    warehouse: Warehouse, directory: Path, connection: duckdb.DuckDBPyConnection, texts: Iterable[str]
) -> None:
    """Restrict a session for good. A session that is already restricted stays as it is.

    Files directly in the project folder are matched by the patterns that `texts`, SQL, contain. Raises SourceError,
    OSError, duckdb.Error.
    """
    if is_restricted(connection):
        return
    folders, files = readable_paths(directory)
    access = warehouse.external_access
    if access.hosts:
        _load_httpfs(connection)
    folders += [str((directory / folder).resolve()) for folder in access.folders]
    hosts = [host if _SCHEME.match(host) else f"https://{host}" for host in access.hosts]
    settings = {
        "allowed_directories": _sql_list([*folders, *hosts]),
        "allowed_paths": _sql_list([*files, *_patterns(directory.resolve(), texts)]),
        "allowed_configs": "['memory_limit']",
        "python_enable_replacements": "false",
        "enable_external_access": "false",
        "lock_configuration": "true",
    }
    for name, value in settings.items():
        connection.execute(f"SET {name} = {value}")


def readable_paths(directory: Path) -> tuple[list[str], list[str]]:
    """List the folders and the files of the project folder that queries may read.

    Names that begin with a dot, such as `.connector` and `.env`, and the project file are excluded; so are links to
    them and to what is outside.
    """
    root = directory.resolve()
    folders: list[str] = []
    files: list[str] = []
    for entry in os.scandir(root):
        path = Path(entry.path).resolve() if entry.is_symlink() else Path(entry.path)
        if (
            not path.is_relative_to(root)
            or path == root
            or not all(map(_is_readable, (entry.name, _top_name(path, root))))
        ):
            continue
        (folders if path.is_dir() else files).append(str(path))
    return folders, files


def _top_name(path: Path, root: Path) -> str:
    return path.relative_to(root).parts[0]


def _is_readable(name: str) -> bool:
    return not name.startswith(".") and name != FILE


def _patterns(root: Path, texts: Iterable[str]) -> list[str]:
    """List the patterns that match names in the project folder itself.

    Every text between two quotation marks with a wildcard counts: each file that matches is checked too.
    """
    quoted = {text for sql in texts for text in _QUOTE.split(sql) if _WILDCARD.search(text)}
    patterns = {_resolve_pattern(text) for text in quoted}
    return sorted(str(path) for path in patterns if path.is_relative_to(root) and _is_readable(_top_name(path, root)))


def _resolve_pattern(pattern: str) -> Path:
    """Make a pattern absolute and resolve the links before its first wildcard."""
    parts = (Path.cwd() / pattern).parts
    first = next(number for number, part in enumerate(parts) if _WILDCARD.search(part))
    return Path(*parts[:first]).resolve().joinpath(*parts[first:])


def _sql_list(texts: Iterable[str]) -> str:
    return "[" + ", ".join("'" + text.replace("'", "''") + "'" for text in texts) + "]"


def _load_httpfs(connection: duckdb.DuckDBPyConnection) -> None:
    """Load the extension that reads from hosts, and the secrets stored on this machine."""
    try:
        connection.execute(f"LOAD {_HTTPFS}")
    except duckdb.Error:
        raise SourceError(
            f'"external_access" names hosts, which DuckDB reads with its extension "{_HTTPFS}". It is not installed, '
            f"and never downloaded by a query: run INSTALL {_HTTPFS} in DuckDB {duckdb.__version__} once."
        ) from None
    connection.execute("SELECT count(*) FROM duckdb_secrets()").fetchall()
