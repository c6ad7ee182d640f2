"""A file of two gigabytes, read and staged in hardly more memory than a small one: `make large`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import environment
from tests.files.shop import CONVERSIONS, file_shop

SMALL, LARGE = 100_000, 2_000_000_000
MOST_MORE = {"read": 40, "staged": 200}
"""Megabytes that two gigabytes may take on top of what a small file does: more batches are under way, and a run looks
for keys that stand in it twice.
"""

MAKE = """
import sys
import duckdb
from connector.catalogue.conversions import COLUMNS
path, rows = sys.argv[1], int(sys.argv[2])
given = {
    "first_name": "'given' || i", "email_1": "'customer.' || i || '@example.com'", "email_2": "''",
    "transaction_category": "'In Store'",
    "transaction_timestamp": "strftime(now()::TIMESTAMP - to_seconds(30000 + i % 2000000), '%Y-%m-%d %H:%M:%S')",
    "transaction_amount": "CAST(i % 10000 AS DECIMAL(10, 2)) / 100",
    "phone_1": "'+1206555' || lpad((i % 10000)::VARCHAR, 4, '0')",
    "order_id": "'o' || i", "store_code": "'s' || i % 100", "quantity": "1", "product_id": "'p' || i % 1000",
}
columns = ", ".join(f"{given.get(name, chr(39) * 2)} AS {name}" for name in COLUMNS)
duckdb.execute("SET threads = 2")
duckdb.execute(f"COPY (SELECT {columns} FROM range({rows}) AS t (i)) TO '{path}' (DELIMITER '|', HEADER)")
"""

MEASURE = """
import json, re, sys, time
from pathlib import Path
from connector.config.file_format import FileFormat
from connector.config.project import load_project
from connector.files.scan_report import Input
from connector.files.file_source import open_files
from connector.inspection.plan import plan_orchestration

def read(folder):
    with open_files(Input(str(folder / "f.psv"), FileFormat(name="liveramp_conversions"), folder)) as source:
        with source.execute("") as result:
            return sum(batch.num_rows for batch in result.batches())

def staged(folder):
    return plan_orchestration(load_project(folder, {}), "purchases").to_send

started = time.perf_counter()
rows = {"read": read, "staged": staged}[sys.argv[2]](Path(sys.argv[1]))
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024
print(json.dumps([rows, peak, time.perf_counter() - started]))
"""


def script(text: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", text, *arguments],
        env=environment(None),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


@pytest.mark.slow
def test_two_gigabytes_take_hardly_more_memory_than_a_small_file(tmp_path: Path) -> None:
    made = file_shop(tmp_path / "shop", "http://127.0.0.1:9", "f.psv", format=CONVERSIONS)
    file = made.directory / "f.psv"
    peaks: dict[str, list[int]] = {"read": [], "staged": []}
    for size in (0, LARGE):
        script(MAKE, str(file), str(SMALL))
        rows = max(SMALL, SMALL * size // file.stat().st_size)
        script(MAKE, str(file), str(rows))
        for what, measured in peaks.items():
            found, peak, seconds = json.loads(script(MEASURE, str(made.directory), what))
            print(f"\n{file.stat().st_size / 1e6:,.0f} MB, {found:,} rows {what}: {seconds:.1f} s, ", end="")
            print(f"{found / seconds:,.0f} rows/s, peak {peak} MB")
            assert found == rows
            measured.append(peak)
    assert file.stat().st_size > LARGE * 0.95
    for what, (small, large) in peaks.items():
        assert large - small < MOST_MORE[what]
