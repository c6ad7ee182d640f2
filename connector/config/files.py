"""Saved queries and data templates, by name."""

from pathlib import Path

from connector.config.findings import Findings
from connector.config.nodes import Node

BUILT_IN_TEMPLATES = frozenset({"tiktok_events", "tiktok_audience"})


def query_path(directory: Path, node: Node | None, findings: Findings) -> Path | None:
    """Give the file of a saved query; None, with a finding, if there is none of that name."""
    return _saved(directory / "queries", ".sql", "query", node, findings)


def template_path(directory: Path, node: Node | None, findings: Findings) -> Path | None:
    """Give the file of a data template; None for a built-in one that the project does not replace."""
    folder = directory / "templates"
    if node is not None and node.value in BUILT_IN_TEMPLATES and not (folder / f"{node.value}.yaml").is_file():
        return None
    return _saved(folder, ".yaml", "data template", node, findings)


def _saved(folder: Path, suffix: str, kind: str, node: Node | None, findings: Findings) -> Path | None:
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
