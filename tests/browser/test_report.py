"""The report as a browser shows it: on wide and narrow screens, light and dark, and on paper."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

KINDS = ("completed", "rejects", "stopped", "resumed", "failed")
ENOUGH = 4.5
"""The contrast that WCAG 2.2 asks of text at level AA."""

CONTRAST = """
() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(one => (one /= 255) <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = parse(getComputedStyle(element).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  for (let node; (node = walker.nextNode());) {
    if (!node.textContent.trim()) continue;
    const [a, b] = [light(parse(getComputedStyle(node.parentElement).color)), light(behind(node.parentElement))];
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), node.textContent.trim()]);
  }
  return found;
}
"""
STICKING_OUT = """
() => [...document.querySelectorAll("body *")].filter(one => {
  const box = one.getBoundingClientRect();
  return box.width > 0 && (box.right > document.documentElement.clientWidth + 0.5 || box.left < -0.5);
}).map(one => one.tagName + " " + one.textContent.slice(0, 60))
"""


@contextmanager
def opened(browser: Browser, file: Path, width: int, scheme: Literal["light", "dark"] = "light") -> Iterator[Page]:
    """The page with all of its tables unfolded; nothing may be said on the console, or asked for."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    try:
        yield page
        assert said == [file.as_uri()]
    finally:
        page.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1400])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_sticks_out(browser: Browser, reports: dict[str, Path], kind: str, width: int) -> None:
    with opened(browser, reports[kind], width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(STICKING_OUT) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_all_text_stands_out_from_what_is_behind_it(
    browser: Browser, reports: dict[str, Path], kind: str, scheme: Literal["light", "dark"]
) -> None:
    with opened(browser, reports[kind], 1400, scheme) as page:
        found: list[tuple[float, str]] = page.evaluate(CONTRAST)
    assert len(found) > 20
    assert [(round(ratio, 2), text) for ratio, text in found if ratio < ENOUGH] == []


def test_dark_is_dark_and_light_is_light(browser: Browser, reports: dict[str, Path]) -> None:
    def paper(scheme: Literal["light", "dark"]) -> int:
        with opened(browser, reports["rejects"], 800, scheme) as page:
            colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, colour.strip("rgb()").split(",")))

    assert paper("dark") < 150 < 600 < paper("light")


def test_plots_are_as_wide_and_high_as_their_numbers(browser: Browser, reports: dict[str, Path]) -> None:
    """Of the bars beside a table's rows; each row says its share in the cell before."""
    with opened(browser, reports["rejects"], 1400) as page:
        bars: list[list[Any]] = page.evaluate(
            """() => [...document.querySelectorAll("td.plot")].map(cell => [
                 cell.previousElementSibling.textContent,
                 100 * cell.querySelector("rect").getBoundingClientRect().width / cell.querySelector("svg").clientWidth])"""
        )
    assert len(bars) > 10
    for text, width in bars:
        if text[0].isdigit():
            assert width == pytest.approx(float(text.removesuffix(" %")), abs=0.2)


def test_every_plot_has_its_numbers_in_a_table_and_headings_go_in_order(
    browser: Browser, reports: dict[str, Path]
) -> None:
    with opened(browser, reports["rejects"], 1400) as page:
        assert page.evaluate(
            "[...document.querySelectorAll('svg')].every(one => one.getAttribute('aria-hidden') === 'true')"
        )
        assert page.evaluate(
            "[...document.querySelectorAll('svg:not(.badge svg)')].every(one => one.closest('section').querySelector('table'))"
        )
        assert page.locator("h1").count() == 1
        assert page.evaluate("document.documentElement.lang") == "en"
        assert page.evaluate(
            "[...document.querySelectorAll('table')].every(one => one.querySelector('thead th[scope=col]'))"
        )


def test_on_paper_the_tables_are_unfolded_and_nothing_is_cut_off(browser: Browser, reports: dict[str, Path]) -> None:
    page = browser.new_page(viewport={"width": 700, "height": 900}, color_scheme="dark")
    page.goto(reports["rejects"].as_uri())
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate(
        "[...document.querySelectorAll('details table')].every(one => one.getBoundingClientRect().height > 20)"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.close()
