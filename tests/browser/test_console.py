"""The console in a real Chromium: what axe finds, what the policy of the pages refuses, and the keyboard alone."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from connector.console.server import ConsoleServer
from tests.browser import pictures
from tests.browser.test_report import CONTRAST, ENOUGH
from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, shop
from tests.console.conftest import serving
from tests.console.test_live import Slow, slow_run
from tests.packaging.test_distribution import ROOT

pytestmark = pytest.mark.browser

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {"runOnly": TAGS, "rules": {"target-size": {"enabled": True}}}
SHOTS = os.environ.get("CONSOLE_SCREENSHOTS")
"""A folder for pictures of the pages, for those who want to look at them."""
HOSTILE = "<img src=x onerror=alert(1)>"
QUERY = """
    SELECT *, CASE WHEN event_id = 'e3' THEN NULL ELSE 'USD' END AS currency
        , CASE WHEN event_id IN ('e1', 'e2') THEN 'dollars' ELSE 'EUR' END AS "currency", '{hostile}' AS description
    FROM ({good})
"""

VIOLATIONS = "addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective))"


@dataclass
class Watched:
    """A page, and whatever it should not have said."""

    page: Page
    said: list[str] = field(default_factory=list)


@contextmanager
def signed_in(browser: Browser, server: ConsoleServer, width: int = 1400, **settings: Any) -> Iterator[Watched]:
    """A page of a browser that has signed in; it may say nothing on its console and ask no other host."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
    _enter(context, server)
    context.add_init_script(VIOLATIONS)
    watched = Watched(context.new_page())
    watched.page.on("console", lambda message: watched.said.append(message.text))
    watched.page.on("pageerror", lambda error: watched.said.append(str(error)))
    watched.page.on("request", lambda asked: watched.said.extend(_elsewhere(asked.url, server)))
    try:
        yield watched
        assert watched.said == []
    finally:
        context.close()


def _elsewhere(url: str, server: ConsoleServer) -> list[str]:
    return [] if url.startswith(server.home) else [url]


def _enter(context: BrowserContext, server: ConsoleServer) -> None:
    value = server.console.sessions.start(server.console.owner)
    context.add_cookies([{"name": server.console.cookie, "value": value, "url": server.home}])


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    """A console of a project with runs of several kinds."""
    query = QUERY.format(good=GOOD.format(rows=40), hostile=HOSTILE).replace(
        ", CASE WHEN event_id = 'e3' THEN NULL ELSE 'USD' END AS currency\n", "\n"
    )
    schedule = {"cron": "15 6 * * *", "timezone": "America/New_York"}
    folder = tmp_path_factory.mktemp("browsed") / "shop"
    made = shop(folder, "simulator", query, workflow="automatic", schedule=schedule, description=HOSTILE)
    before = made.query.read_text()
    made.query.write_text("SELECT nothing FROM nowhere")
    assert inside("run", NAME, project=made.directory).code == 1
    made.query.write_text(before)
    for _ in range(2):
        assert inside("run", NAME, project=made.directory).code == 0
    with serving(made.directory) as server:
        yield server


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    """A console of a project that never ran."""
    made = shop(tmp_path_factory.mktemp("empty") / "shop", "simulator", GOOD.format(rows=3))
    with serving(made.directory) as server:
        yield server


PATHS = (
    "/",
    f"/orchestrations/{NAME}",
    f"/orchestrations/{NAME}/run",
    f"/orchestrations/{NAME}/settings",
    "/new/query",
    "/runs",
    "/runs/RUN",
    "/runs/RUN/rejects",
    "/runs/RUN/requests",
    "/audiences",
    "/destinations",
    "/destinations/stores",
    "/schedule",
    "/notifications",
    "/audit",
    "/nothing",
)


def address(page: Page, server: ConsoleServer, path: str) -> str:
    """The address of a page, of the last run that completed where it is of a run."""
    if "RUN" not in path:
        return server.home + path
    page.goto(f"{server.home}/runs?status=completed_with_rejects")
    return server.home + path.replace("/runs/RUN", str(page.locator("tbody th a").first.get_attribute("href")))


@pytest.mark.parametrize(("width", "scheme"), [(1600, "light"), (390, "light"), (390, "dark"), (1600, "dark")])
@pytest.mark.parametrize("path", PATHS)
def test_a_page_has_nothing_that_axe_finds_and_all_of_it_can_be_read(
    browser: Browser, console: ConsoleServer, path: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    with signed_in(browser, console, width, color_scheme=scheme) as watched:
        page = watched.page
        page.goto(address(page, console, path))
        check(page, f"{path}_{width}_{scheme}")
        if path == "/nothing":
            watched.said = [one for one in watched.said if "404" not in one]


def check(page: Page, name: str) -> None:
    """Fail for what axe finds, for text without contrast, and if the page scrolls to the side."""
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name.strip('/').replace('/', '_') or 'overview'}.png", full_page=True)
    found = Axe().run(page, options=OPTIONS).response["violations"]
    assert [
        (one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in {"serious", "critical"}
    ] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
    contrast: list[tuple[float, str]] = page.evaluate(CONTRAST)
    assert [(round(ratio, 2), text) for ratio, text in contrast if ratio < ENOUGH] == []
    assert page.locator("h1").count() == 1


@pytest.mark.parametrize("path", ["/", "/runs", f"/orchestrations/{NAME}", "/schedule", "/notifications"])
@pytest.mark.parametrize("width", [390, 1600])
def test_an_empty_page_can_be_read(browser: Browser, empty: ConsoleServer, path: str, width: int) -> None:
    with signed_in(browser, empty, width) as watched:
        watched.page.goto(empty.home + path)
        check(watched.page, f"empty{path}_{width}")


def test_the_link_signs_in_with_one_button_and_leaves_no_code(browser: Browser, console: ConsoleServer) -> None:
    page = browser.new_page()
    page.goto(console.new_link())
    check(page, "enter")
    assert "#" not in page.url
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Orchestrations")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.close()


def test_without_script_a_code_is_typed_and_a_plan_made(browser: Browser, console: ConsoleServer) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    link, _, code = console.new_link().partition("#")
    page.goto(link)
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Open the console").click()
    page.get_by_role("link", name=f"Run {NAME}").click()
    page.get_by_role("button", name="Plan").click()
    page.get_by_role("button", name=re.compile("Send .* to the simulator")).wait_for(timeout=60_000)
    context.close()


def test_a_run_takes_three_clicks_and_the_keyboard_alone(browser: Browser, console: ConsoleServer) -> None:
    with signed_in(browser, console) as watched:
        page = watched.page
        page.goto(console.home)
        page.get_by_role("link", name=f"Run {NAME}").press("Enter")
        page.get_by_role("button", name="Plan").press("Enter")
        send = page.get_by_role("button", name=re.compile("Send .* to the simulator"))
        send.wait_for(timeout=60_000)
        check(page, "plan")
        for box in page.get_by_role("checkbox").all():
            box.press("Space")
        send.press("Enter")
        expect(page.get_by_role("heading", name="Every row is accounted for")).to_be_visible(timeout=60_000)


def test_each_page_can_be_walked_by_keyboard_with_a_visible_focus(browser: Browser, console: ConsoleServer) -> None:
    with signed_in(browser, console) as watched:
        page = watched.page
        page.goto(console.home)
        names = []
        for _ in range(12):
            page.keyboard.press("Tab")
            names.append(page.evaluate("document.activeElement.textContent.trim()"))
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", names
        assert names[0] == "Skip to the page"
        page.goto(console.home)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"


def test_times_are_in_the_readers_zone_and_can_be_utc(browser: Browser, console: ConsoleServer) -> None:
    with signed_in(browser, console, timezone_id="Asia/Kathmandu", locale="en-GB") as watched:
        page = watched.page
        page.goto(f"{console.home}/runs")
        cell = page.locator("tbody th time").first
        utc = str(cell.get_attribute("title"))
        assert utc.endswith("UTC")
        assert cell.text_content() != utc
        page.get_by_role("button", name="Show times in UTC").click()
        assert cell.text_content() == utc


def test_what_was_chosen_of_light_and_dark_stays(browser: Browser, console: ConsoleServer) -> None:
    with signed_in(browser, console, color_scheme="light") as watched:
        page = watched.page
        page.goto(console.home)
        page.get_by_role("button", name="Light or dark").click()
        page.goto(f"{console.home}/runs")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slow]:
    with slow_run(tmp_path_factory.mktemp("watched")) as run:
        yield run


def test_a_run_is_watched_to_its_end(browser: Browser, slow: Slow) -> None:
    with signed_in(browser, slow.server) as watched:
        page = watched.page
        page.goto(f"{slow.server.home}/runs/{slow.run_id}")
        check(page, "running")
        expect(page.locator("[data-text=elapsed]")).not_to_have_text("0 ms")
        seen = page.locator("[data-text=elapsed]").text_content()
        expect(page.locator("[data-text=elapsed]")).not_to_have_text(str(seen), timeout=10_000)
        threading.Timer(0.5, slow.answered.set).start()
        expect(page.get_by_role("heading", name="Every row is accounted for")).to_be_visible(timeout=30_000)
        watched.said = [one for one in watched.said if "ERR_" not in one]


class _Evil(BaseHTTPRequestHandler):
    """A page of another port of this host, which posts to the console as soon as it is open."""

    target = ""

    def do_GET(self) -> None:
        body = f'<img src="{self.target}/runs"><form method="post" action="{self.target}/leave"></form>'
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(f"{body}<script>document.forms[0].submit()</script>".encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_page_of_another_port_cannot_post_nor_read(browser: Browser, console: ConsoleServer) -> None:
    """Cookies of a host go to all of its ports, so the session comes along."""
    _Evil.target = console.home
    evil = ThreadingHTTPServer(("127.0.0.1", 0), _Evil)
    threading.Thread(target=evil.serve_forever, daemon=True).start()
    context = browser.new_context()
    _enter(context, console)
    page = context.new_page()
    answers: dict[str, int] = {}
    page.on("response", lambda answer: answers.update({answer.url: answer.status}))
    page.goto(f"http://127.0.0.1:{evil.server_port}/")
    page.wait_for_url(f"{console.home}/leave")
    assert answers[f"{console.home}/leave"] == 403
    assert answers.get(f"{console.home}/runs", 403) == 403
    page.goto(console.home)
    expect(page.get_by_role("heading", name="Orchestrations")).to_be_visible()
    context.close()
    evil.shutdown()
    evil.server_close()


def test_the_way_of_the_docs_leads_from_an_empty_folder_to_a_run(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "IMAGES", tmp_path)
    shop = tmp_path / "shop"
    shop.mkdir()
    with pictures.console(shop) as link, browser.new_context(viewport={"width": 1000, "height": 900}) as context:
        pictures.go_through(context.new_page(), link)
    taken = {path.name for path in tmp_path.glob("*.png")}
    assert taken == {path.name for path in (ROOT / "docs" / "images").glob("console-*.png")}
    (run,) = inside("runs", "--json", project=shop).json["runs"]
    assert (run["orchestration"], run["rows"]["delivered"]) == ("store_orders", 20)
