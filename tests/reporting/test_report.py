"""The report is one page, complete in itself, and names nobody."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from connector.core.hashed_rows import MATCHED_BY
from connector.core.outcomes import Reason, RowWarning, RunStatus, Skip
from connector.reporting.html import labels
from connector.reporting.html.page import headline, seconds, share, with_commands
from tests.cli.command import Outcome, inside
from tests.cli.people import People
from tests.cli.shop import NAME, Shop, shop
from tests.cli.tiktok import OK, Reply, serving

PEOPLE = People(["jane.doe@example.com", "+1 212 555 0142"])
EVIL = "</style><script>alert(1)</script><img src=x onerror=alert(2)>"
ROWS = f"""
    SELECT 'e' || n AS event_id, now() - to_days(n % 9) AS timestamp, 'jane.doe@example.com' AS email
        , '+1 212 555 0142' AS phone, n * 1.25 AS value, CASE WHEN n % 10 = 0 THEN '{EVIL}' ELSE 'USD' END AS currency
        , '{EVIL} jane.doe@example.com +1 212 555 0142' AS description
    FROM range(60) AS numbers (n)
"""
VOID = {"meta", "link", "img", "br", "hr", "wbr", "input"}


class Page(HTMLParser):
    """Its elements, attributes and text; fails where elements are not closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A project that ran twice, the second time until its token was revoked."""
    token = {"good": True}

    def answer(body: dict[str, Any]) -> Reply:
        if not token["good"]:
            return Reply(40105, f"No. {EVIL} jane.doe@example.com", 401)
        return Reply(40002, f"{EVIL} jane.doe@example.com", 400) if '"e7"' in json.dumps(body) else OK

    with serving(answer) as tiktok:
        made = shop(tmp_path_factory.mktemp("report") / "shop", tiktok.url, ROWS)
        assert inside("run", NAME, project=made.directory).code == 0
        token["good"] = False
        made.query.write_text(ROWS.replace("'e' || n", "'f' || n"))
        assert inside("run", NAME, project=made.directory).code == 1
        yield made


@pytest.fixture(scope="module")
def pages(made: Shop) -> dict[str, str]:
    """The report of each run, by its status."""
    listed = inside("runs", "list", "--json", project=made.directory).json["runs"]
    return {one["status"]: report(made, one["run_id"]).stdout for one in listed}


def report(made: Shop, *options: str) -> Outcome:
    return inside("report", *options, project=made.directory)


def run_id(made: Shop) -> str:
    listed = inside("runs", "list", "--json", "--status", "completed_with_rejects", project=made.directory).json
    found: str = listed["runs"][0]["run_id"]
    return found


def test_a_page_needs_nothing_from_elsewhere_and_runs_nothing(pages: dict[str, str]) -> None:
    assert set(pages) == {"completed_with_rejects", "failed"}
    for text in pages.values():
        page = Page(text)
        assert {"script", "link", "img", "iframe", "object", "base", "form"} & {
            tag for tag, _ in page.elements
        } == set()
        names = {name for _, attributes in page.elements for name in attributes}
        assert not any(name.startswith("on") or name in {"src", "href", "action", "srcset", "style"} for name in names)
        assert not re.search(r"url\(|@import|https?://", text)


def test_what_a_row_holds_cannot_become_part_of_the_page(pages: dict[str, str]) -> None:
    assert EVIL not in pages["completed_with_rejects"]
    assert "</style><script>alert(1)</script>" in Page(pages["completed_with_rejects"]).text


def test_nobody_is_to_be_read_on_a_page(pages: dict[str, str]) -> None:
    for text in pages.values():
        assert PEOPLE.found_in(text) == []
        assert not re.search("[0-9a-f]{64}", text)


def test_a_page_tells_what_the_ledger_knows(made: Shop, pages: dict[str, str]) -> None:
    shown = inside("runs", "show", run_id(made), "--json", project=made.directory).json
    text = Page(pages["completed_with_rejects"]).text
    total = sum(n * 1.25 for n in range(60) if n % 10 and n != 7)
    for said in (
        f"{shown['events']['delivered']} events delivered",
        f"{total:,.0f} USD sent",
        "Delivered 53 88.3 %",
        "E-mail address 53 100.0 %",
        "refused_ by_ tiktok was sent and refused 1",
    ):
        assert said in text
    failed = Page(pages["failed"]).text
    assert "Why it stopped. The access token is wrong" in failed
    assert "connector resume" in failed
    assert "54 rows still to be sent" in failed


def test_a_file_that_is_there_stays_unless_it_is_forced(made: Shop, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    first = report(made, run_id(made), "-o", str(file))
    assert (first.code, first.stdout, first.stderr) == (0, "", f"Run {run_id(made)} to {file}\n")
    file.write_text("mine")
    refused = report(made, run_id(made), "-o", str(file))
    assert (refused.code, file.read_text()) == (2, "mine")
    assert refused.sentence.endswith("exists: name another file, or overwrite it with --force.")
    assert report(made, run_id(made), "-o", str(file), "--force").code == 0
    assert file.read_text("utf-8").startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("run", "output", "sentence"),
    [
        ("20260101T000000-abcdef", "report.html", 'There is no run "20260101T000000-abcdef".'),
        (None, "", "is a folder: name a file in it."),
        (None, "missing/report.html", "does not exist: create it first."),
    ],
)
def test_what_cannot_be_written_is_refused(
    made: Shop, tmp_path: Path, run: str | None, output: str, sentence: str
) -> None:
    outcome = report(made, run or run_id(made), "-o", str(tmp_path / output))
    assert outcome.code == 2
    assert sentence in outcome.sentence
    assert list(tmp_path.iterdir()) == []


def test_everything_that_can_become_of_a_run_has_words() -> None:
    assert list(labels.REASONS) == list(Reason)
    assert list(labels.SKIPS) == list(Skip)
    assert list(labels.WARNINGS) == list(RowWarning)
    assert list(labels.STATUSES) == list(RunStatus)
    assert tuple(labels.MATCHED_BY) == MATCHED_BY


def test_numbers_are_said_as_people_say_them() -> None:
    assert [share(part, 10_000) for part in (0, 1, 5_000, 9_999, 10_000)] == [
        "0.0 %",
        "< 0.1 %",
        "50.0 %",
        "> 99.9 %",
        "100.0 %",
    ]
    assert share(0, 0) == "–"
    assert [seconds(one) for one in (0.004, 0.25, 12.4, 200, 7_500)] == [
        "4 ms",
        "0.25 s",
        "12 s",
        "3 min 20 s",
        "2 h 5 min",
    ]
    assert with_commands("Type `a <b>` & wait.") == "Type <code>a &lt;b&gt;</code> &amp; wait."
    assert [headline(Decimal(one)) for one in ("0.5", "999.99", "1234567.89")] == ["0.50", "999.99", "1,234,568"]
