"""The same rows through dlt with a custom destination, in a process of its own: dlt keeps global state.

dlt is given Arrow, its faster way; its destination gets a thousand rows at a time as dictionaries, maps them as the
Python reference does and posts them. A destination that sees a batch at a time cuts orders at the edges of
batches: a few more events, and wrong ones, which is left to it.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from benchmarks.data import TABLE

BATCH = 1_000
_ARROW_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class DltResult:
    """One run: seconds on the clock and of the processor, without the start of Python, and the requests made."""

    seconds: float
    cpu: float
    requests: int


def dlt_run(file: Path, url: str) -> DltResult:
    """Runs the pipeline. Raises CalledProcessError where it fails."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix="dlt-") as folder:
        environ = {**os.environ, "DLT_DATA_DIR": folder, "RUNTIME__DLTHUB_TELEMETRY": "false"}
        command = [sys.executable, "-m", "benchmarks.dlt_run", str(file), url, folder]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environ).stdout
    return DltResult(**json.loads(told.splitlines()[-1]))


def _measure(file: str, url: str, folder: str) -> dict[str, float]:
    import dlt
    import httpx

    from benchmarks.by_hand import Post, reference_settings
    from benchmarks.python_reference import rows_to_bodies
    from benchmarks.timing import timed

    settings, made = reference_settings(), 0
    with httpx.Client(timeout=60, trust_env=False) as client:
        post = Post(client, f"{url}/open_api/v1.3/event/track/")

        @dlt.destination(batch_size=BATCH, loader_file_format="parquet", name="events", naming_convention="direct")
        def events(items: pa.RecordBatch, table: object) -> None:  # noqa: ARG001 - dlt's signature
            nonlocal made
            made += sum(map(post, rows_to_bodies(items.to_pylist(), settings)))

        pipeline = dlt.pipeline("bench", destination=events, pipelines_dir=folder)

        def work() -> None:
            pipeline.run(_arrow(file), table_name="purchases").raise_on_failed_jobs()

        timing, _ = timed(work)
    return {"seconds": timing.seconds, "cpu": timing.cpu, "requests": made}


def _arrow(file: str) -> Iterator[Any]:
    with duckdb.connect(file, read_only=True) as connection:
        reader = connection.cursor().sql(f"FROM {TABLE}").to_arrow_reader(_ARROW_ROWS)
        for batch in reader:
            yield pa.Table.from_batches([batch])


if __name__ == "__main__":
    print(json.dumps(_measure(*sys.argv[1:])))
