"""Audience runs that version 5 of the ledger left open are finished with what was staged then."""

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from connector.core.outcomes import RunStatus
from connector.destinations.confirmation import Confirmation
from connector.inspection.audience_list import known_audiences
from connector.runs.engine import RunOptions
from connector.runs.resume import resume_run
from connector.runs.run import run_orchestration
from tests.audiences.shop import ADVERTISER, NAME, OTHER, Shop, open_shop
from tests.audiences.test_mirror import person
from tests.cli.command import inside
from tests.cli.tiktok import TikTok, serving
from tests.ledger.old import MIRRORED_5, REMOVED_5, SCRIPT, version_5

STAGED = Path(__file__).with_name("version_5")
"""The folders of the runs, and the bodies of the requests with which the connector of that time finished them."""

LEAVERS = "leavers"
PEOPLE = [person(number) for number in range(11, 31)]
"""Those whom the first run adds beside others, and the second removes from another audience."""


@pytest.fixture
def tiktok() -> Iterator[TikTok]:
    with serving() as served:
        yield served


@pytest.fixture
def shop(tmp_path: Path, new_url: Callable[[], str], tiktok: TikTok) -> Shop:
    """A project without its warehouse, whose ledger is of version 5."""
    made = open_shop(tmp_path / "shop", tiktok.url, max_in_flight=1, advertiser_ids=[ADVERTISER, OTHER])
    file, url = made.directory / "orchestrations.yaml", new_url()
    settings = yaml.safe_load(file.read_text())
    lapsed = {"audience": "Lapsed", "mode": "remove", "advertiser_ids": [ADVERTISER]}
    settings["destinations"]["lapsed"] = {**settings["destinations"]["audience"], **lapsed}
    settings["orchestrations"][LEAVERS] = {**settings["orchestrations"][NAME], "destination": "lapsed"}
    file.write_text(yaml.safe_dump({**settings, "ledger": url}))
    for run_id in (MIRRORED_5, REMOVED_5):
        shutil.copytree(STAGED / run_id, made.project.state_directory / "runs" / run_id)
    version_5(url, api_url=tiktok.url)
    return made


def resumed(shop: Shop, _: str, run_id: str) -> None:
    record = resume_run(shop.project, run_id, shop.listener, threading.Event())
    assert record.status is RunStatus.COMPLETED_WITH_REJECTS
    assert record.rows.balanced


def finished_by_the_next_run(shop: Shop, name: str, run_id: str) -> None:
    shop.people(PEOPLE if name == NAME else [])
    run_orchestration(
        shop.project,
        name,
        RunOptions(confirmation=Confirmation(yes=True)),
        observer=shop.listener,
        stop=threading.Event(),
    )
    assert f"Run {run_id} is completed_with_rejects: " in shop.notes


@pytest.mark.parametrize("finish", [resumed, finished_by_the_next_run])
def test_they_send_what_they_would_have_sent_then(
    shop: Shop, tiktok: TikTok, finish: Callable[[Shop, str, str], None]
) -> None:
    for name, run_id in ((NAME, MIRRORED_5), (LEAVERS, REMOVED_5)):
        finish(shop, name, run_id)
    assert [request.raw for request in tiktok.requests] == (STAGED / "requests.jsonl").read_bytes().splitlines()
    assert [dict(one.accounts) for one in known_audiences(shop.project) if one.record.name == "VIP"] == [
        {ADVERTISER: "served", OTHER: "served"}
    ]
    shop.people(PEOPLE)
    assert shop.run().requests_sent == 0, "all of them are known to be members"


def test_their_batches_are_exported_as_before(shop: Shop, tmp_path: Path) -> None:
    made = inside("runs", "export", "-o", str(tmp_path / "tables"), project=shop.directory)
    assert made.code == 0, made.stderr
    columns = ["sync_run_id", "batch_id", "event_source", "event_source_id"]
    exported = pq.read_table(tmp_path / "tables" / "sync_batches.parquet", columns=columns).to_pylist()
    script = SCRIPT.with_name("version_5.sql").read_text()
    kept = re.findall(r"^    \('(\S+)', (\d+), '((?:add|resend|delete) [A-Z0-9_,]+)', '(\d+)'", script, re.MULTILINE)
    assert len(kept) == 18
    assert [tuple(map(str, row.values())) for row in exported] == kept
