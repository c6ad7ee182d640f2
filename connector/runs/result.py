"""The result of a query or of files, transformed as it comes."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from connector.destinations.base import RowCompiler
from connector.errors import ConfigurationError, Problem
from connector.runs.job import Job
from connector.sources.background_reader import read_in_background
from connector.sources.registry import open_source
from connector.sources.source import Source
from connector.transform.binding import bind
from connector.transform.row_choice import RowChoice

if TYPE_CHECKING:
    from connector.files.file_source import FileSource
    from connector.files.scan_report import ScanReport
    from connector.runs.files import SentFiles


@dataclass(frozen=True, slots=True)
class OpenResult:
    """The rows of a running query, or of files, hashed, once."""

    compiler: RowCompiler
    """The data template compiled for these columns."""
    rows: Iterator[Any]
    """The hashed rows of each slice (a `HashedSlice`)."""
    query_id: str | None = None
    """What the warehouse's own history calls the query, if it keeps one."""
    reading: "ScanReport | None" = None
    """What is learnt of the files, where there is no query."""
    schema: pa.Schema | None = None
    """The columns of the result."""


@contextmanager
def open_result(
    job: Job,
    directory: Path,
    *,
    limit: int | None = None,
    test_event_code: str | None = None,
    chosen: RowChoice | None = None,
    stop: Event | None = None,
    run_id: str | None = None,
    before: "SentFiles | None" = None,
) -> Iterator[OpenResult]:
    """Run the job's query until `stop` is set; of a `limit` the first rows are read, of them the chosen.

    Of a job that reads files, those that were sent `before` are skipped if the destination deduplicates; what is wrong
    with the others is in `reading`. Where the warehouse keeps a history, the query is marked there with the
    orchestration and the run. Raises SourceError if the warehouse fails, ConfigurationError if the result does not fit
    the template, Interrupted if it was stopped.
    """
    with _opened(job, directory, _tag(job, run_id)) as source:
        reading = _reading(source, job, before, limit)
        with read_in_background(source, job.sql, stop or Event()) as result:
            with _telling_changes(reading):
                compiler = compile_job(job, result.schema)
            batches: Iterator[pa.RecordBatch] = result.batches()
            if limit is not None:
                batches = compiler.first(batches, limit, test=test_event_code is not None)
            if chosen is not None:
                batches = compiler.select(batches, chosen)
            rows = compiler.hash(batches, threads=transform_threads(), gather=reading is None)
            if reading and job.has_prescribed_columns and chosen is None:
                from connector.runs.files import watched

                rows = watched(rows, reading, limit)
            yield OpenResult(compiler, rows, result.query_id, reading, result.schema)


def describe(job: Job, directory: Path) -> pa.Schema:
    """The columns that the job's query returns, or its files have. Raises SourceError, FileRefused."""
    with _opened(job, directory, _tag(job)) as source:
        return source.describe(job.sql)


def delimiters(job: Job) -> list[tuple[str, str]]:
    """The job's files, and the characters between their values; none for a query. Raises SourceError, FileRefused."""
    if job.file is None:
        return []
    from connector.files.file_source import open_files

    with open_files(job.file) as source:
        return source.delimiters()


def _opened(job: Job, directory: Path, tag: str) -> AbstractContextManager[Source]:
    if job.warehouse is not None:
        return open_source(job.warehouse, directory, tag)
    if job.file is None:
        raise AssertionError("neither a query nor a file")
    from connector.files.file_source import open_files

    return open_files(job.file)


def _files(source: Source, job: Job) -> "FileSource | None":
    if job.file is None:
        return None
    from connector.files.file_source import FileSource

    return source if isinstance(source, FileSource) else None


def _reading(source: Source, job: Job, before: "SentFiles | None", limit: int | None) -> "ScanReport | None":
    """What is learnt of the files of a source that has some; those sent before are left out."""
    files = _files(source, job)
    if files and before is not None:
        from connector.runs.files import leave_out_sent

        leave_out_sent(files, job, before, limit=limit)
    return files.reading if files else None


@contextmanager
def _telling_changes(reading: "ScanReport | None") -> Iterator[None]:
    """Add to what is wrong with the columns of files how they have changed."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError([*error.problems, *map(Problem, reading.changes if reading else ())]) from None


def _tag(job: Job, run_id: str | None = None) -> str:
    return ":".join(("connector", job.orchestration.name, *((run_id,) if run_id else ())))


def compile_job(job: Job, schema: pa.Schema) -> RowCompiler:
    """Return the `RowCompiler` for these columns. Raises ConfigurationError with every problem found."""
    try:
        binding = bind(job.template, schema, job.destination.catalogue)
        return job.destination.compile(binding, job.rules)
    except ConfigurationError as error:
        raise ConfigurationError([one if one.file else _placed(one, job) for one in error.problems]) from None


def transform_threads() -> int:
    """How many slices are transformed at once: one for each core, but memory grows with them."""
    return max(1, min(os.cpu_count() or 1, 8))


def _placed(problem: Problem, job: Job) -> Problem:
    """A problem with the columns, with what they are columns of."""
    if job.file:
        return Problem(f"{job.file.display_name}: {problem.message}")
    return Problem(problem.message, job.orchestration.query_path)
