"""Rows in memory to request bodies in memory, by the product and by the Python reference."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from benchmarks.data import TABLE
from benchmarks.project import ORCHESTRATION, load
from benchmarks.python_reference import Settings, rows_to_bodies
from connector.core.route import Route
from connector.delivery.batch import Batch
from connector.destinations.event_destination import EventCompiler
from connector.destinations.tiktok.client import request_body
from connector.queries.query_template import RunVariables
from connector.runs.job import prepare
from connector.runs.result import compile_job
from connector.staging.storage.batcher import Batcher
from connector.transform.compiler import CompiledTransform
from connector.transform.grouping import payload
from connector.transform.stream import hash_rows

BATCH_ROWS = 65_536


def arrow_table(file: Path) -> pa.Table:
    """All rows, in memory."""
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.sql(f"FROM {TABLE}").to_arrow_table()


def compiled_for(directory: Path, schema: pa.Schema) -> CompiledTransform:
    """The transform that a run of the project would use."""
    job = prepare(load(directory), ORCHESTRATION, RunVariables(datetime.now(UTC)))
    compiler = compile_job(job, schema)
    assert isinstance(compiler, EventCompiler)
    return compiler.compiled


def columnar(table: pa.Table, compiled: CompiledTransform, threads: int) -> int:
    """Transforms, groups, cuts and writes out the bodies of all requests; gives their bytes."""
    return sum(map(len, bodies(table, compiled, threads)))


def bodies(table: pa.Table, compiled: CompiledTransform, threads: int) -> Iterator[bytes]:
    """The bodies of all requests, one after the other."""
    cutter = Batcher()
    for part in hash_rows(table.to_batches(BATCH_ROWS), compiled, threads=threads):
        for events in part.events:
            yield from map(_body, cutter.add(events))
    yield from map(_body, cutter.drain())


def row_by_row(rows: Iterable[dict[str, Any]], settings: Settings) -> int:
    """The same by the reference."""
    return sum(map(len, rows_to_bodies(rows, settings)))


def _body(cut: tuple[Route, pa.RecordBatch]) -> bytes:
    route, events = cut
    return request_body(Batch(0, route, events.num_rows, 0, payload(events)))
