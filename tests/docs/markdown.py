"""Reads the parts of the repository's pages that tests hold against the code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "tutorial.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
SIMULATOR = ROOT / "docs" / "simulator.md"
DESTINATIONS = ROOT / "docs" / "destinations.md"
CREDENTIALS = ROOT / "docs" / "credentials.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
WAREHOUSES = ROOT / "docs" / "warehouses.md"
FILES = ROOT / "docs" / "files.md"
DELIVERY = ROOT / "docs" / "delivery.md"
RUNS = ROOT / "docs" / "runs.md"
AUDIENCES = ROOT / "docs" / "audiences.md"
ENVIRONMENTS = ROOT / "docs" / "environments.md"
ACCESS = ROOT / "docs" / "access.md"
FORGET = ROOT / "docs" / "forget.md"
SCHEDULING = ROOT / "docs" / "scheduling.md"
NOTIFICATIONS = ROOT / "docs" / "notifications.md"
SECURITY = ROOT / "docs" / "security.md"
PAGES = (
    README, TUTORIAL, DELIVERY, ARCHITECTURE, CONTRIBUTING, SIMULATOR, WAREHOUSES, FILES, CREDENTIALS, DESTINATIONS,
    AUDIENCES, ENVIRONMENTS, ACCESS, FORGET, RUNS, SCHEDULING, NOTIFICATIONS, SECURITY,
)  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what else stands on its first line, and its lines from line `number` on."""

    language: str
    title: str
    lines: tuple[str, ...]
    number: int


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    language, title, start, inside = "", "", 0, list[str]()
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if not line.startswith("```"):
            inside.append(line)
        elif start:
            yield Block(language, title, tuple(inside), start)
            start = 0
        else:
            language, _, title = line[3:].partition(" ")
            start, inside = number + 1, []
    assert not start, f"{page.name}:{start - 1}: the block has no end"


def table(page: Path, heading: str) -> list[tuple[str, ...]]:
    """The rows of the one table of a page whose first column has this heading."""
    lines = page.read_text("utf-8").splitlines()
    (start,) = (place for place, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]))
    return rows


def first_column(page: Path, heading: str) -> list[str]:
    """The first cells of such a table, without backticks."""
    return [row[0].strip("`") for row in table(page, heading)]


def code(text: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def section(page: Path, heading: str) -> str:
    """The text below a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found, f'{page.name} has no "{heading}"'
    return found[1]
