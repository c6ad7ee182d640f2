"""Every page is of one kind, has one title, and its links lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.docs.markdown import KINDS, PAGES, README, ROOT, anchors

LINK = re.compile(r"\]\(([^)\s]+)\)")
DOCS = ROOT / "docs"
BESIDE_THE_KINDS = {"tutorial.md", "glossary.md", "index.md"}


def links(page: Path) -> list[tuple[Path, str]]:
    """Return the file and the anchor of each relative link of a page."""
    found = [link.partition("#") for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    return [((page.parent / path).resolve() if path else page, anchor) for path, _, anchor in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_links_of_a_page_lead_to_files_and_headings(page: Path) -> None:
    broken = [(path.name, anchor) for path, anchor in links(page) if not path.exists()]
    broken += [
        (path.name, anchor)
        for path, anchor in links(page)
        if anchor and path.suffix == ".md" and path.exists() and anchor not in anchors(path)
    ]
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_has_one_title_on_its_first_line(page: Path) -> None:
    outside = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert outside.startswith("# ")
    assert len(re.findall(r"^# ", outside, re.MULTILINE)) == 1


def test_a_page_of_the_docs_is_a_tutorial_a_how_to_a_reference_or_an_explanation() -> None:
    pages = [page.relative_to(DOCS) for page in DOCS.rglob("*.md")]
    assert [str(page) for page in pages if len(page.parts) == 1 and page.name not in BESIDE_THE_KINDS] == []
    assert {page.parts[0] for page in pages if len(page.parts) > 1} == set(KINDS)


def test_a_reader_of_the_readme_gets_to_every_page() -> None:
    reached, open_pages = set[Path](), [README]
    while open_pages:
        page = open_pages.pop()
        if page not in reached:
            reached.add(page)
            open_pages += [path for path, _ in links(page) if path.suffix == ".md" and path.exists()]
    assert set(PAGES) - reached == set()


def test_the_menu_of_the_site_has_every_page_once() -> None:
    settings = (ROOT / "mkdocs.yml").read_text()
    listed = re.findall(r"^ +- [^\n:]+: (\S+\.md)$", settings, re.MULTILINE)
    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))
