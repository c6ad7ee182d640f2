"""What an earlier version of the connector left is gone on with."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from connector.staging.storage.open_files import OpenFiles
from tests.cli.command import RUN_KEYS, checked, inside
from tests.cli.shop import GOOD, NAME, Shop, shop
from tests.cli.test_resume import REVOKED, deliveries
from tests.cli.tiktok import OK, TikTok, serving
from tests.ledger.old import FINISHED, INTERRUPTED, version_1

ROWS = 20
DELIVERED = {"f0", "f1", "f3"}
"""Of the run in version_1.sql: its events are f0 to f19."""


def old_project(folder: Path, tiktok: TikTok, began: datetime) -> Shop:
    """A project whose run stopped half-way, under version 1 of the ledger."""
    made = shop(folder, tiktok.url, GOOD.format(rows=ROWS).replace("'e'", "'f'"))
    tiktok.answer = lambda body: REVOKED
    stopped = inside("run", NAME, "--json", project=made.directory).json["run_id"]
    tiktok.answer = lambda body: OK
    as_version_1_staged(made.state / "runs" / stopped, made.state / "runs" / INTERRUPTED)
    for file in made.state.glob("ledger.sqlite*"):
        file.unlink()
    version_1(f"sqlite:///{made.state / 'ledger.sqlite'}", api_url=tiktok.url, began=began)
    made.warehouse.unlink()
    return made


def as_version_1_staged(found: Path, folder: Path) -> None:
    """The same stage as it was written then, without whom an event is about."""
    with closing(OpenFiles(found)) as files:
        events = pa.Table.from_batches(files.batches("events.arrow")).drop_columns(["persons"])
    folder.mkdir()
    with pa.OSFile(str(folder / "events.arrow"), "wb") as sink, pa.ipc.new_file(sink, events.schema) as file:
        file.write_table(events)


@pytest.mark.parametrize("command", [["resume"], ["resume", INTERRUPTED]], ids=["the last one", "by its id"])
def test_a_run_that_stopped_half_way_is_finished(tmp_path: Path, command: list[str]) -> None:
    with serving() as tiktok:
        made = old_project(tmp_path / "shop", tiktok, datetime.now(UTC) - timedelta(hours=1))
        resumed = inside(*command, "--json", project=made.directory)
    record = checked(resumed.json)
    assert (resumed.code, record["run_id"], record["status"]) == (0, INTERRUPTED, "completed")
    assert (record["rows"]["delivered"], record["rows"]["pending"]) == (ROWS, 0)
    assert deliveries(tiktok) == {f"f{n}": 1 for n in range(ROWS) if f"f{n}" not in DELIVERED}


def test_an_answer_that_was_lost_long_ago_is_not_risked_unless_told_to(tmp_path: Path) -> None:
    with serving() as tiktok:
        made = old_project(tmp_path / "shop", tiktok, datetime.now(UTC) - timedelta(hours=50))
        resumed = inside("resume", INTERRUPTED, "--json", project=made.directory)
        assert (resumed.code, tiktok.accepted) == (1, [])
        assert checked(resumed.json)["rows"]["pending"] == ROWS - len(DELIVERED)
        resumed = inside("resume", INTERRUPTED, "--resend-unknown", "--json", project=made.directory)
    assert (resumed.code, checked(resumed.json)["rows"]["delivered"]) == (0, ROWS)


def test_its_history_is_shown(tmp_path: Path) -> None:
    with serving() as tiktok:
        made = old_project(tmp_path / "shop", tiktok, datetime.now(UTC))
    listed = inside("runs", "--json", project=made.directory).json["runs"]
    assert {run["run_id"] for run in listed} == {FINISHED, INTERRUPTED}
    shown = inside("runs", "show", INTERRUPTED, "--json", project=made.directory).json
    record, requests = checked({key: shown[key] for key in RUN_KEYS}), shown["request_log"]
    assert (record["requests"]["sent"], len(requests)) == (9, 9)
