"""Pictures of the console for docs/how-to/console.md: `python -m tests.browser.pictures` takes them anew.

They show the way from an empty folder to the first run of a query of one's own.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM
from tests.packaging.test_distribution import ROOT

IMAGES = ROOT / "docs" / "images"
QUERY = """\
SELECT
    'order ' || n AS order_number,
    now() - to_hours(n) AS ordered_at,
    'customer' || n || '@example.com' AS email,
    2.5 * n AS amount,
    'gold' AS loyalty_tier
FROM range(1, 21) AS numbers (n)"""


@contextmanager
def console(folder: Path) -> Iterator[str]:
    """The console of a folder; yields its link."""
    command = [sys.executable, "-m", "connector", "console", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate()


def take(page: Page, name: str, height: int = 720) -> None:
    """Take a picture of the top of a page."""
    page.wait_for_load_state()
    page.screenshot(path=IMAGES / f"console-{name}.png", clip={"x": 0, "y": 0, "width": 1000, "height": height})


def go_through(page: Page, link: str) -> None:
    """Go from the link to the end of the first run, and take a picture of each stop."""
    page.goto(link)
    page.get_by_role("button").first.click()
    take(page, "start", 400)
    page.get_by_role("button", name="Make the example project").click()
    page.get_by_role("link", name="Add orchestration").click()
    page.fill("#name", "store_orders")
    page.fill("#sql", QUERY)
    take(page, "query", 860)
    page.get_by_role("button", name="Continue").click()
    page.select_option("#destination", "store_events")
    page.get_by_role("button", name="Find columns").click()
    take(page, "mapping", 640)
    page.get_by_role("button", name="Continue").click()
    take(page, "preview", 640)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Continue").click()
    take(page, "review", 760)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Run", exact=True).click()
    page.get_by_role("button", name="Plan").click()
    page.wait_for_selector("button:has-text('Send')")
    take(page, "plan", 640)
    page.locator("button:has-text('Send')").click()
    page.wait_for_selector("text=Completed")
    take(page, "run", 760)


def main() -> None:
    """Take every picture."""
    IMAGES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        shop = Path(folder) / "shop"
        shop.mkdir()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with browser.new_context(viewport={"width": 1000, "height": 900}, timezone_id="UTC") as context:
            with console(shop) as link:
                go_through(context.new_page(), link)
        browser.close()


if __name__ == "__main__":
    main()
