"""Power that goes at any moment of a run: what was synced by then is enough to account for every row."""

import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import checked, inside
from tests.cli.shop import GOOD, NAME, shop
from tests.cli.tiktok import OK, Reply, TikTok, serving
from tests.crash.power import Disk, Loss, recorded

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the name of a descriptor is found in /proc")

ROWS, BATCH = 3_100, 1_000
EVERY = 16
"""Of the moments that are tried by default; all of them by `make thorough`."""


@dataclass
class Story:
    """A run from its first command on, and the disk at every moment of it."""

    project: Path
    tiktok: TikTok
    disk: Disk


@pytest.fixture(scope="module", params=[True, False], ids=["staged", "sent while it was read"])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    def answer(body: dict[str, Any]) -> Reply:
        disk.moment("a request is taken")
        return OK

    with serving() as tiktok:
        made = shop(
            tmp_path_factory.mktemp("power") / "shop",
            tiktok.url,
            GOOD.format(rows=ROWS),
            destination={"max_in_flight": 1},
            line_items=request.param,
        )
        with recorded(made.directory, lambda: len(tiktok.requests)) as disk:
            tiktok.answer = answer
            assert inside("run", NAME, project=made.directory).code == 0
            disk.moment("all is done")
        tiktok.answer = lambda body: OK
        yield Story(made.directory, tiktok, disk)


def after(story: Story, loss: Loss, folder: Path, *, names_are_kept: bool) -> None:
    """What the next run makes of it: every event is delivered, and only what was under way is sent again."""
    story.tiktok.requests[:], taken = story.tiktok.requests[: loss.seen], story.tiktok.requests[:]
    shutil.copytree(story.project, folder, ignore=shutil.ignore_patterns(".connector"))
    loss.rebuild(folder, names_are_kept=names_are_kept)
    done = inside("run", NAME, project=folder)
    assert (done.code, "Unexpected" in done.stderr) == (0, False), (loss.when, done.stderr)
    sent = Counter(one["event_id"] for one in story.tiktok.events)
    assert set(sent) == {f"e{n}" for n in range(ROWS)}, loss.when
    assert sent.total() - len(sent) <= BATCH, loss.when
    for record in inside("runs", "--json", project=folder).json["runs"]:
        assert checked(record)["rows"]["pending"] == 0 or record["status"] == "failed"
    story.tiktok.requests[:] = taken


@pytest.mark.parametrize("names_are_kept", [False, True], ids=["no names", "names without content"])
@pytest.mark.parametrize(
    "first", [0, *(pytest.param(number, marks=pytest.mark.thorough) for number in range(1, EVERY))]
)
def test_every_row_is_accounted_for(story: Story, tmp_path: Path, first: int, names_are_kept: bool) -> None:
    losses = story.disk.losses
    assert len(losses) > 2 * EVERY
    for number in range(first, len(losses), EVERY):
        after(story, losses[number], tmp_path / f"shop{number}", names_are_kept=names_are_kept)


def test_the_simulation_loses_what_was_not_synced(story: Story, tmp_path: Path) -> None:
    """Before the stage is synced there is none; once a request was taken, all of it is there, and so is the ledger."""
    taken = next(loss for loss in story.disk.losses if loss.when == "a request is taken")
    (tmp_path / "after").mkdir()
    taken.rebuild(tmp_path / "after", names_are_kept=False)
    assert {path.stat().st_size > 0 for path in (tmp_path / "after").rglob("*.arrow")} == {True}
    (tmp_path / "before").mkdir()
    story.disk.losses[0].rebuild(tmp_path / "before", names_are_kept=False)
    assert list((tmp_path / "before").rglob("*.arrow")) == []
