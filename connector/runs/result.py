"""A query's result, transformed as it comes."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import pyarrow as pa

from connector.catalogue import AUDIENCES
from connector.destinations.tiktok.audience.job import AudienceJob
from connector.errors import ConfigurationError, Problem
from connector.hashed import HashedMembers, HashedRows
from connector.runs.job import Job
from connector.sources.background_reader import read_in_background
from connector.sources.registry import open_source
from connector.sources.source import Source
from connector.transform.binding import Binding, bind, missing_requirements
from connector.transform.chosen import ChosenRows
from connector.transform.compiler import CompiledTransform, compile_events
from connector.transform.limit import first_events, first_rows
from connector.transform.stream import hash_rows

if TYPE_CHECKING:
    from connector.files.file_source import FileSource
    from connector.files.scan_report import PreviousFile, ScanReport
    from connector.runs.files import Before
    from connector.transform.members import CompiledMembers


@dataclass(frozen=True, slots=True)
class OpenResult:
    """The compiled transform of a running query, and its rows, hashed, once.

    `query_id` is what the warehouse's own history calls the query, if it keeps one; `reading` is what is learnt of the
    files, where there is no query.
    """

    compiled: CompiledTransform
    rows: Iterator[HashedRows]
    query_id: str | None = None
    reading: "ScanReport | None" = None
    schema: pa.Schema | None = None
    """The columns of the result."""


@dataclass(frozen=True, slots=True)
class OpenMembers:
    """The rows of a running query of people, hashed, once. `query_id` and `reading` as of OpenResult."""

    rows: Iterator[HashedMembers]
    query_id: str | None = None
    reading: "ScanReport | None" = None
    schema: pa.Schema | None = None
    """The columns of the result."""


@contextmanager
def open_members(
    job: AudienceJob,
    directory: Path,
    *,
    limit: int | None = None,
    stop: Event | None = None,
    run_id: str | None = None,
    last: "PreviousFile | None" = None,
) -> Iterator[OpenMembers]:
    """Runs the query of an audience's people until `stop` is set; at most its first `limit` rows are read.

    The columns of files are compared with those of the file that was sent `last`. Raises as `open_result` does.
    """
    from connector.transform.members import hash_members

    with _opened(job, directory, _tag(job, run_id)) as source:
        files = _files(source, job)
        reading = files.reading if files else None
        if files:
            files.compare_with(last)
        with read_in_background(source, job.sql, stop or Event()) as result:
            with _telling_changes(reading):
                compiled = compile_audience(job, result.schema)
            batches = first_rows(result.batches(), limit) if limit is not None else result.batches()
            rows = hash_members(batches, compiled, threads=transform_threads())
            yield OpenMembers(rows, result.query_id, reading, result.schema)


@contextmanager
def open_result(
    job: Job,
    directory: Path,
    *,
    limit: int | None = None,
    test_event_code: str | None = None,
    chosen: ChosenRows | None = None,
    stop: Event | None = None,
    run_id: str | None = None,
    before: "Before | None" = None,
) -> Iterator[OpenResult]:
    """Runs the job's query until `stop` is set; of a `limit` the first rows are read, of them the chosen.

    Where rows are line items, the events that begin among the first `limit` rows are read whole, wherever their rows
    lie: an event of which less was sent would be worth less, for good. Test events count nowhere, and are cut.

    Of a job that reads files, those that were sent `before` are left out; what is wrong with them is in `reading`.
    Where the warehouse keeps a history, the query is marked there with the orchestration and the run.
    Raises SourceError where the warehouse fails, ConfigurationError where the result does not fit the template,
    Interrupted where it was stopped.
    """
    with _opened(job, directory, _tag(job, run_id)) as source:
        reading = _reading(source, job, before, limit)
        with read_in_background(source, job.sql, stop or Event()) as result:
            with _telling_changes(reading):
                compiled = compile_job(job, result.schema)
            batches: Iterator[pa.RecordBatch] = result.batches()
            if limit is not None:
                whole = compiled.rules.line_items and test_event_code is None
                batches = first_events(batches, limit, compiled) if whole else first_rows(batches, limit)
            if chosen is not None:
                batches = chosen.among(batches, compiled)
            rows = hash_rows(batches, compiled, threads=transform_threads(), gather=reading is None)
            if reading and job.file and job.file.format.is_conversions and chosen is None:
                from connector.runs.files import watched

                rows = watched(rows, reading, limit)
            yield OpenResult(compiled, rows, result.query_id, reading, result.schema)


def describe(job: Job | AudienceJob, directory: Path) -> pa.Schema:
    """The columns that the job's query returns, or its files have. Raises SourceError, FileRefused."""
    with _opened(job, directory, _tag(job)) as source:
        return source.describe(job.sql)


def delimiters(job: Job | AudienceJob) -> list[tuple[str, str]]:
    """The job's files, and the characters between their values; none for a query. Raises SourceError, FileRefused."""
    if job.file is None:
        return []
    from connector.files.file_source import open_files

    with open_files(job.file) as source:
        return source.delimiters()


def _opened(job: Job | AudienceJob, directory: Path, tag: str) -> AbstractContextManager[Source]:
    if job.warehouse is not None:
        return open_source(job.warehouse, directory, tag)
    if job.file is None:
        raise AssertionError("neither a query nor a file")
    from connector.files.file_source import open_files

    return open_files(job.file)


def _files(source: Source, job: Job | AudienceJob) -> "FileSource | None":
    if job.file is None:
        return None
    from connector.files.file_source import FileSource

    return source if isinstance(source, FileSource) else None


def _reading(source: Source, job: Job, before: "Before | None", limit: int | None) -> "ScanReport | None":
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


def _tag(job: Job | AudienceJob, run_id: str | None = None) -> str:
    return ":".join(("connector", job.orchestration.name, *((run_id,) if run_id else ())))


def compile_job(job: Job, schema: pa.Schema) -> CompiledTransform:
    """The transform for a result of these columns. Raises ConfigurationError with every problem found."""
    binding = _checked(lambda: bind(job.template, schema), job)
    rules = job.rules
    if lacking := missing_requirements(
        binding, event_source=rules.event_source, fixed_event_name=rules.fixed_event_name
    ):
        raise ConfigurationError([_placed(one, job) for one in lacking])
    return compile_events(binding, rules)


def compile_audience(job: AudienceJob, schema: pa.Schema) -> "CompiledMembers":
    """The transform for people of these columns. Raises ConfigurationError with every problem found."""
    from connector.transform.members import compile_members, missing_columns

    binding = _checked(lambda: bind(job.template, schema, AUDIENCES), job)
    if lacking := missing_columns(binding):
        raise ConfigurationError([_placed(Problem(lacking), job)])
    return compile_members(binding, job.rules)


def transform_threads() -> int:
    """How many slices are transformed at once: one for each core, but memory grows with them."""
    return max(1, min(os.cpu_count() or 1, 8))


def _checked(build: Callable[[], Binding], job: Job | AudienceJob) -> Binding:
    try:
        return build()
    except ConfigurationError as error:
        raise ConfigurationError([one if one.file else _placed(one, job) for one in error.problems]) from None


def _placed(problem: Problem, job: Job | AudienceJob) -> Problem:
    """A problem with the columns, with what they are columns of."""
    if job.file:
        return Problem(f"{job.file.display_name}: {problem.message}")
    return Problem(problem.message, job.orchestration.query_path)
