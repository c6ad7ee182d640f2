"""An export of thousands of runs takes seconds."""

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.cli.command import inside
from tests.cli.shop import NAME, Shop, shop
from tests.cli.tiktok import serving

QUERY = "SELECT 'e' || n AS event_id, now() - to_seconds(n) AS timestamp, CASE WHEN n % 2 = 0 THEN n || '@example.com' ELSE 'x' END AS email, 2.5 AS value FROM range(10) AS t (n)"
RUNS, FOLDERS = 10_000, 100


def copies(made: Shop, run_id: str) -> None:
    """So many runs like this one, some with the rows that were left out."""
    with closing(sqlite3.connect(made.state / "ledger.sqlite")) as ledger:
        for table in ("runs", "batches", "requests"):
            names = [name for _, name, *_ in ledger.execute(f"PRAGMA table_info({table})") if name != "id"]
            values = ", ".join("printf('%06d', n) || run_id" if name == "run_id" else name for name in names)
            ledger.execute(
                f"WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {RUNS}) "
                f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table}, t"
            )
        ledger.commit()
    for number in range(1, FOLDERS + 1):
        shutil.copytree(made.state / "runs" / run_id, made.state / "runs" / f"{number:06}{run_id}")


def test_ten_thousand_runs_are_exported_within_seconds(tmp_path: Path) -> None:
    with serving() as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, QUERY)
        run_id = inside("run", NAME, "--json", project=made.directory).record()["run_id"]
    copies(made, run_id)
    started = time.process_time()
    rows = inside("runs", "export", "-o", str(tmp_path / "out"), "--json", project=made.directory).json["rows"]
    assert time.process_time() - started < 5
    everywhere = RUNS + 1
    assert rows == {
        "sync_runs": everywhere, "sync_batches": everywhere, "sync_requests": everywhere, "sync_values": everywhere,
        "sync_changelog": 5 * (FOLDERS + 1),
    }  # fmt: skip
    tables = {name: pq.read_table(tmp_path / "out" / f"{name}.parquet") for name in rows}
    for table in tables.values():
        mine = table.filter(pc.equal(table["sync_run_id"], run_id)).drop_columns(["sync_run_id"])
        other = table.filter(pc.equal(table["sync_run_id"], f"{FOLDERS:06}{run_id}")).drop_columns(["sync_run_id"])
        assert mine.num_rows
        assert mine.equals(other)
