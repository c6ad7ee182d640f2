"""The pages of the documentation, and a search for their sections by words.

A wheel carries them beside this module (`force-include` in pyproject.toml); a checkout has them in `docs`.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from connector.config.suggest import did_you_mean
from connector.errors import UsageError

_IN_WHEEL = Path(__file__).parent / "pages"
_IN_CHECKOUT = Path(__file__).parents[2] / "docs"
EXCERPT = 1_200
"""Characters of a section that a search returns."""
_HEADING = re.compile(r"#{1,3} (.+)")
_TITLE_WEIGHT = 3
"""A word of a heading counts as so many of the text."""
_SATURATION, _LENGTH = 1.2, 0.75
"""The usual constants of BM25: how little a repeated word adds, and how much the length of a section counts."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page below a heading."""

    page: str
    """The path of the page below the folder of the documentation."""
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class _Index:
    """How often each section has each word, and how much each word says: the more, the fewer sections have it."""

    counts: tuple[tuple[Section, Counter[str]], ...]
    rarity: dict[str, float]
    average: float
    """The words of a section."""


def folder() -> Path:
    """Return the folder of the pages."""
    return _IN_WHEEL if _IN_WHEEL.is_dir() else _IN_CHECKOUT


def page_names() -> list[str]:
    """Return the names of all pages."""
    return sorted(path.relative_to(folder()).as_posix() for path in folder().rglob("*.md"))


def read_page(name: str) -> str:
    """Return the text of a page. Raises UsageError if there is none of this name."""
    names = page_names()
    if name not in names:
        hint = did_you_mean(name, names) or f" The pages are {', '.join(names)}."
        raise UsageError(f'There is no page "{name}".{hint}')
    return (folder() / name).read_text("utf-8")


def search_pages(query: str, most: int) -> list[Section]:
    """Return the sections that have most of the words of a query, the best first (BM25)."""
    index, words = _index(), set(_words(query))
    scored = [(_score(index, counts, words), section) for section, counts in index.counts]
    best = sorted((pair for pair in scored if pair[0]), key=lambda pair: -pair[0])
    return [section for _, section in best[:most]]


def _score(index: _Index, counts: Counter[str], words: set[str]) -> float:
    length = _SATURATION * (1 - _LENGTH + _LENGTH * counts.total() / index.average)
    return sum(index.rarity[word] * counts[word] / (counts[word] + length) for word in words if word in counts)


@cache
def _index() -> _Index:
    sections = [section for name in page_names() for section in _split(name, read_page(name))]
    counts = tuple((section, _count(section)) for section in sections)
    spread = Counter(word for _, words in counts for word in words)
    rarity = {word: math.log(1 + len(sections) / number) for word, number in spread.items()}
    return _Index(counts, rarity, sum(words.total() for _, words in counts) / len(sections))


def _count(section: Section) -> Counter[str]:
    titles = [*_words(section.heading), *_words(section.page)]
    return Counter([*titles * _TITLE_WEIGHT, *_words(section.text)])


def _split(page: str, text: str) -> Iterator[Section]:
    heading, lines, in_code = "", list[str](), False
    for line in text.splitlines():
        in_code ^= line.startswith("```")
        found = None if in_code else _HEADING.fullmatch(line)
        if found is None:
            lines.append(line)
            continue
        if heading:
            yield Section(page, heading, "\n".join(lines).strip())
        heading, lines = found[1], []
    yield Section(page, heading, "\n".join(lines).strip())


def _words(text: str) -> list[str]:
    return [_stem(word) for word in re.findall(r"[a-z0-9_]+", text.lower())]


def _stem(word: str) -> str:
    return re.sub(r"(s|ed|ing)$", "", word) if len(word) > 4 else word
