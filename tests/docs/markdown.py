"""Reads the parts of the repository's pages that tests hold against the code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "tutorial.md"
INSTALL = ROOT / "docs" / "how-to" / "install.md"
ARCHITECTURE = ROOT / "docs" / "explanation" / "architecture.md"
SIMULATOR = ROOT / "docs" / "reference" / "simulator.md"
DESTINATIONS = ROOT / "docs" / "how-to" / "destinations.md"
CREDENTIALS = ROOT / "docs" / "how-to" / "credentials.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
WAREHOUSES = ROOT / "docs" / "how-to" / "warehouses.md"
FILES = ROOT / "docs" / "how-to" / "files.md"
QUERIES = ROOT / "docs" / "how-to" / "queries.md"
DELIVERY = ROOT / "docs" / "explanation" / "delivery.md"
RUNS = ROOT / "docs" / "how-to" / "runs.md"
AUDIENCES = ROOT / "docs" / "how-to" / "audiences.md"
ENVIRONMENTS = ROOT / "docs" / "how-to" / "environments.md"
ACCESS = ROOT / "docs" / "how-to" / "access.md"
FORGET = ROOT / "docs" / "how-to" / "forget.md"
SCHEDULING = ROOT / "docs" / "how-to" / "scheduling.md"
NOTIFICATIONS = ROOT / "docs" / "how-to" / "notifications.md"
SECURITY = ROOT / "docs" / "explanation" / "security.md"
PAGES = (README, CONTRIBUTING, *sorted((ROOT / "docs").rglob("*.md")))
KINDS = ("how-to", "reference", "explanation")
"""The folders of `docs`; the tutorial is the fourth kind."""


_OPENING = re.compile(r'```(?P<language>[a-z]*)(?: title="(?P<title>[^"]+)")?')


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its title if it has one, and its lines from line `number` on."""

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
            found = _OPENING.fullmatch(line)
            assert found, f"{page.name}:{number}: the site would not know this for the beginning of a block"
            language, title = found["language"], found["title"] or ""
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


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page, as GitHub names them."""
    outside = "".join(re.split(r"^```.*?^```$", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL))
    headings = re.findall(r"^#+ (.+)$", outside, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(page: Path, heading: str) -> str:
    """The text below a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert found, f'{page.name} has no "{heading}"'
    return found[1]
