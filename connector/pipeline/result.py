"""A query's result, transformed as it comes."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pyarrow as pa

from connector.errors import ConfigurationError, Problem
from connector.hashed import HashedRows
from connector.pipeline.prepare import Job
from connector.sources.background import read_in_background
from connector.sources.registry import open_source
from connector.transform.binding import Binding, bind, missing_requirements
from connector.transform.chosen import ChosenRows
from connector.transform.compiler import CompiledTransform, compile_events
from connector.transform.stream import hash_rows


@dataclass(frozen=True, slots=True)
class OpenResult:
    """The compiled transform of a running query, and its rows, hashed, once.

    `query_id` is what the warehouse's own history calls the query, if it keeps one.
    """

    compiled: CompiledTransform
    rows: Iterator[HashedRows]
    query_id: str | None = None


@contextmanager
def open_result(
    job: Job,
    directory: Path,
    *,
    limit: int | None = None,
    chosen: ChosenRows | None = None,
    stop: Event | None = None,
    run_id: str | None = None,
) -> Iterator[OpenResult]:
    """Runs the job's query until `stop` is set; at most the first `limit` rows of it are read, of them the chosen.

    Where the warehouse keeps a history, the query is marked there with the orchestration and the run.
    Raises SourceError where the warehouse fails, ConfigurationError where the result does not fit the template,
    Interrupted where it was stopped.
    """
    with (
        open_source(job.warehouse, directory, _tag(job, run_id)) as source,
        read_in_background(source, job.sql, stop or Event()) as result,
    ):
        compiled = compile_job(job, result.schema)
        batches = _first_rows(result.batches(), limit)
        if chosen is not None:
            batches = chosen.among(batches, compiled)
        yield OpenResult(compiled, hash_rows(batches, compiled, threads=transform_threads()), result.query_id)


def describe(job: Job, directory: Path) -> pa.Schema:
    """The columns that the job's query returns. Raises SourceError."""
    with open_source(job.warehouse, directory, _tag(job)) as source:
        return source.describe(job.sql)


def _tag(job: Job, run_id: str | None = None) -> str:
    return ":".join(("connector", job.orchestration.name, *((run_id,) if run_id else ())))


def compile_job(job: Job, schema: pa.Schema) -> CompiledTransform:
    """The transform for a result of these columns. Raises ConfigurationError with every problem found."""
    binding = _checked(lambda: bind(job.template, schema), job)
    rules = job.rules
    if lacking := missing_requirements(
        binding, event_source=rules.event_source, fixed_event_name=rules.fixed_event_name
    ):
        raise ConfigurationError([Problem(one.message, job.orchestration.query_path) for one in lacking])
    return compile_events(binding, rules)


def transform_threads() -> int:
    """How many slices are transformed at once: one for each core, but memory grows with them."""
    return max(1, min(os.cpu_count() or 1, 8))


def _checked(build: Callable[[], Binding], job: Job) -> Binding:
    try:
        return build()
    except ConfigurationError as error:
        query = job.orchestration.query_path
        raise ConfigurationError([one if one.file else Problem(one.message, query) for one in error.problems]) from None


def _first_rows(batches: Iterator[pa.RecordBatch], limit: int | None) -> Iterator[pa.RecordBatch]:
    if limit is None:
        yield from batches
        return
    left = limit
    for batch in batches:
        yield batch.slice(0, left)
        left -= batch.num_rows
        if left <= 0:
            return
