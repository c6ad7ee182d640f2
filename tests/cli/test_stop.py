"""A run is asked to stop through the ledger, by another process than its own."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import connector
from connector.api import Project, Run
from connector.core.outcomes import RunStatus
from connector.errors import Interrupted
from connector.ledger.audit import AuditLine
from connector.ledger.project_ledger import ledger_of
from connector.ledger.views.run_page import RunPage, read_run
from tests.cli.command import inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.test_resume import wait_until
from tests.cli.tiktok import OK, Reply, TikTok, serving

BATCHES = 6
WAITING = 20.0
"""Seconds that a request waits for the test at most."""


class SlowRun:
    """A run in a thread, whose requests wait until the test lets them pass."""

    def __init__(self, made: Shop, tiktok: TikTok) -> None:
        self.project, self.tiktok, self.may_pass = connector.open_project(made.directory), tiktok, threading.Event()
        self.error: Exception | None = None
        self.run: Run | None = None
        tiktok.answer = self._answer
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        wait_until(lambda: len(tiktok.requests) > 0 or tiktok.first.is_set())

    def _answer(self, _: object) -> Reply:
        self.may_pass.wait(WAITING)
        return OK

    def _work(self) -> None:
        try:
            self.run = self.project.run(NAME)
        except Exception as error:
            self.error = error

    def page(self) -> RunPage:
        with ledger_of(self.project.settings) as ledger, ledger.database.reading() as connection:
            page = read_run(connection, ledger.runs.latest(1)[0].run_id)
        assert page is not None
        return page

    def end(self) -> None:
        self.may_pass.set()
        self._thread.join()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[SlowRun]:
    with serving() as tiktok:
        made = shop(
            tmp_path / "shop",
            tiktok.url,
            GOOD.format(rows=BATCHES * 1_000),
            destination={"max_in_flight": 1},
            max_reject_percent=50,
        )
        run = SlowRun(made, tiktok)
        yield run
        run.end()


def test_a_run_in_progress_is_stopped_and_resumed(slow: SlowRun) -> None:
    wait_until(lambda: (progress := slow.page().progress) is not None and progress.phase == "sending")
    running = slow.page()
    progress, run_id = running.progress, running.run.run_id
    assert progress is not None
    assert (progress.rows_read, progress.total, progress.done, progress.percent) == (6_000, 6_000, 0, 0.0)
    said = inside("stop", "latest", project=slow.project.folder)
    assert (said.code, said.stdout.splitlines()) == (0, [
        "Stopping purchases: requests in flight are finished first.", f"`connector resume {run_id}` sends the rest."
    ])  # fmt: skip
    assert slow.page().run.stop_requested_at is not None
    time.sleep(1.2)
    slow.end()
    ended = slow.page()
    assert isinstance(slow.error, Interrupted)
    assert (ended.run.status, ended.run.resumable, ended.progress) == (RunStatus.INTERRUPTED, True, None)
    assert ended.run.totals.rows.pending == 5_000
    assert [(line.use.command, line.use.run_id) for line in _audit(slow.project)] == [("stop", run_id), ("run", run_id)]
    again = slow.project.resume()
    assert (again.status, again.rows.delivered, len(slow.tiktok.events)) == (RunStatus.COMPLETED, 6_000, 6_000)
    assert slow.page().run.stop_requested_at is None
    refused = inside("stop", run_id, project=slow.project.folder)
    assert (refused.code, refused.sentence) == (
        2, f"Run {run_id} is not running: it is completed. Nothing to stop."
    )  # fmt: skip


def _audit(project: Project) -> list[AuditLine]:
    with ledger_of(project.settings) as ledger:
        return ledger.audit.latest(10)


def test_a_run_whose_process_died_is_resumed_not_stopped(tmp_path: Path) -> None:
    with serving() as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, GOOD.format(rows=10))
        project = connector.open_project(made.directory)
        run = project.run(NAME)
        with ledger_of(project.settings) as ledger:
            ledger.runs.resume(run.run_id, holder="dead", host="here")
        refused = inside("stop", run.run_id, project=made.directory)
    assert (refused.code, refused.sentence) == (
        2,
        f"Run {run.run_id} is not running: its process has died. `connector resume {run.run_id}` finishes it.",
    )
