"""Saved queries and data templates, by name."""

import stat
from contextlib import suppress
from pathlib import Path

from connector.config.nodes import Node
from connector.config.problems import ProblemList

BUILT_IN_TEMPLATES = frozenset({"tiktok_events", "tiktok_audience"})
LARGEST_QUERY = 1 << 20
"""Bytes of a file that holds a query."""


def query_path(directory: Path, node: Node | None, findings: ProblemList) -> Path | None:
    """Give the file of a saved query; None, with a finding, if there is none of that name."""
    path = _saved(directory / "queries", ".sql", "query", node, findings)
    if path is None or node is None or not (fault := _fault(path)):
        return path
    findings.add(node, f"names the query {path.name}, which {fault}")
    return None


def template_path(directory: Path, node: Node | None, findings: ProblemList) -> Path | None:
    """Give the file of a data template; None for a built-in one that the project does not replace."""
    folder = directory / "templates"
    if node is not None and node.value in BUILT_IN_TEMPLATES and not (folder / f"{node.value}.yaml").is_file():
        return None
    return _saved(folder, ".yaml", "data template", node, findings)


def _fault(path: Path) -> str | None:
    """Return why a file is not to be read, before it is: reading a pipe or a device may never end."""
    with suppress(OSError):
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return "is not a regular file: replace it with one"
        if status.st_size > LARGEST_QUERY:
            return f"is larger than {LARGEST_QUERY >> 20} MiB: shorten it"
    return None


def _saved(folder: Path, suffix: str, kind: str, node: Node | None, findings: ProblemList) -> Path | None:
    if node is None or not isinstance(node.value, str | int):
        return None
    known = sorted(path.stem for path in folder.glob(f"*{suffix}"))
    if str(node.value) in known:
        return (folder / f"{node.value}{suffix}").absolute()
    findings.add_absent(node, kind, str(node.value), known, f"in {folder.name}/ (NAME{suffix})")
    return None


def local_path(directory: Path, written: str) -> str:
    """Give a path below the project made absolute; an address (s3://…) as it is."""
    return written if "://" in written else str(directory / written)
