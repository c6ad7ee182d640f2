"""Open the result of a query or of files, and transform it as it comes."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from connector.destinations.base import RowCompiler
from connector.errors import ConfigurationError, Problem, Rule, SourceError
from connector.runs.job import Job
from connector.sources.background_reader import read_in_background
from connector.sources.driver_errors import QUERY_FAILED
from connector.sources.registry import open_source
from connector.sources.source import Source
from connector.transform.binding import bind
from connector.transform.row_selection import RowSelection
from connector.transform.slice_engine import EnginePool

if TYPE_CHECKING:
    from connector.core.split_plan import SplitPlace, SplitPlan
    from connector.files.file_source import FileSource
    from connector.files.scan_report import ScanReport
    from connector.queries.cursor import Highest, HighestValue
    from connector.runs.files import SentFiles
    from connector.staging.splits import StagedSplits

_EXCERPT = re.compile(r" LINE \d+: .*\Z")
"""The line of the query as DuckDB shows it, which has another number in the file."""


@dataclass(frozen=True, slots=True)
class OpenResult:
    """The hashed rows of a running query or of files. They can be iterated once."""

    compiler: RowCompiler
    """The data template compiled for these columns."""
    rows: Iterator[Any]
    """The hashed rows of each slice (a `HashedSlice`)."""
    query_id: str | None = None
    """The id of the query in the warehouse's own history, if it keeps one."""
    reading: "ScanReport | None" = None
    """The report on the files; None for a query."""
    schema: pa.Schema | None = None
    """The columns of the result."""
    splits: "StagedSplits | None" = None
    """The rows as tasks have staged them; there are none here."""
    highest: "Highest | None" = None
    """Follows the cursor column, if the job reads incrementally."""


@contextmanager
def open_result(
    job: Job,
    directory: Path,
    *,
    limit: int | None = None,
    test_event_code: str | None = None,
    selection: RowSelection | None = None,
    stop: Event | None = None,
    run_id: str | None = None,
    sent_files: "SentFiles | None" = None,
    threads: int | None = None,
    place: Mapping[str, Any] | None = None,
    cache: "TransformCache | None" = None,
) -> Iterator[OpenResult]:
    """Run the job's query until `stop` is set, and yield its first `limit` rows, or the selected ones among them.

    Files that were sent before are skipped if the destination deduplicates; problems with the others are in `reading`.
    If the warehouse keeps a history, the query is tagged there with the orchestration and the run. With the `place` of
    a split, only its rows are read. `threads` transform them, else one for each core; what they need is taken from the
    `cache` of an earlier split, and kept there. Raises SourceError
    if the warehouse fails, ConfigurationError if the result does not fit the template, Interrupted if it was stopped.
    """
    with _opened(job, directory, _tag(job, run_id), place) as source:
        reading = _scan_report(source, job, sent_files, limit)
        further: dict[str, Any] = {} if place is None else {"ahead": 1}
        if cache:
            further["start"] = cache.reader.submit
        with read_in_background(_part_of(source, place), job.sql, stop or Event(), **further) as result:
            with _add_column_changes(reading):
                compiler = cache.compile(job, result.schema) if cache else compile_job(job, result.schema)
            batches: Iterator[pa.RecordBatch] = result.batches()
            highest = _highest_value(job, result.schema)
            if highest is not None:
                batches = highest.follow(batches)
            if limit is not None:
                batches = compiler.first(batches, limit, test=test_event_code is not None)
            if selection is not None:
                batches = compiler.select(batches, selection)
            kept: dict[str, Any] = {"engines": cache.engines} if cache else {}
            rows = compiler.hash(batches, threads=threads or transform_threads(), gather=reading is None, **kept)
            if reading and job.has_prescribed_columns and selection is None:
                from connector.runs.files import locate_rejected

                rows = locate_rejected(rows, reading, limit)
            yield OpenResult(compiler, rows, result.query_id, reading, result.schema, highest=highest)
            if cache:
                cache.engines.release()


class TransformCache:
    """Keeps the compiled transform of a job, its idle engines and threads from one split of the result to the next.

    With the same threads, the memory is used again that the C library keeps for each of them.
    """

    def __init__(self) -> None:
        self.reader = ThreadPoolExecutor(1, thread_name_prefix="source")
        """The thread that reads."""
        self._compiler: RowCompiler | None = None
        self._schema: pa.Schema | None = None
        self.engines = EnginePool[Any]()
        """The engines of the transform that was compiled last."""

    def compile(self, job: Job, schema: pa.Schema) -> RowCompiler:
        """Return what `compile_job` does, which is compiled once for splits with the same columns."""
        is_known = self._schema is not None and schema.equals(self._schema, check_metadata=True)
        if self._compiler is None or not is_known:
            self.engines.close()
            self._compiler, self._schema, self.engines = compile_job(job, schema), schema, EnginePool[Any]()
        return self._compiler

    def close(self) -> None:
        """End the threads, and close the engines."""
        self.reader.shutdown()
        self.engines.close()


def _highest_value(job: Job, schema: pa.Schema) -> "HighestValue | None":
    if job.cursor is None:
        return None
    from connector.queries.cursor import HighestValue, check_cursor

    check_cursor(schema, job.cursor.column, job.warehouse.dialect if job.warehouse else "duckdb")
    return HighestValue(schema, job.cursor.column, job.cursor.started_at)


def _part_of(source: Source, place: Mapping[str, Any] | None) -> Source:
    """Return a source of which a query gives only the rows of the split at a place, if there is one."""
    if place is None:
        return source
    from connector.sources.split import SplitSource

    return SplitSource(source, place)


@dataclass(frozen=True, slots=True)
class DividedResult:
    """A result that other processes read in splits."""

    compiler: RowCompiler
    """The data template compiled for its columns."""
    schema: pa.Schema
    """Its columns."""
    plan: "SplitPlan"
    """Its splits."""
    reading: "ScanReport | None" = None
    """The report on the files; None for a query."""

    def merge(self, summaries: Sequence[Mapping[str, Any]]) -> None:
        """Add what was learned of the files, as `summarize` wrote it for each split. Raises FileRefused."""
        if self.reading is not None:
            from connector.files.split_summary import merge_summaries

            merge_summaries(self.reading, (summary["reading"] for summary in summaries))


@contextmanager
def open_divided(
    job: Job,
    directory: Path,
    wanted: int,
    run_id: str | None = None,
    sent_files: "SentFiles | None" = None,
    *,
    known: "Sequence[SplitPlace]" = (),
) -> Iterator[DividedResult]:
    """Divide the job's result into about `wanted` splits, which can be read at least until the block ends.

    The `known` places of an earlier division are kept if the source can still read the same rows there. Raises as
    `open_result` does.
    """
    from connector.sources.split import plan_splits

    with _opened(job, directory, _tag(job, run_id)) as source:
        reading = _scan_report(source, job, sent_files, None)
        schema = source.describe(job.sql)
        with _add_column_changes(reading):
            compiler = compile_job(job, schema)
        with plan_splits(source, job.sql, wanted, job.orchestration.split_by, known) as plan:
            yield DividedResult(compiler, schema, plan, reading)


def describe(job: Job, directory: Path) -> pa.Schema:
    """Return the columns of the job's query or files. Raises SourceError, FileRefused."""
    with _opened(job, directory, _tag(job)) as source:
        return source.describe(job.sql)


def plan_splits_of(job: Job, directory: Path, wanted: int) -> "SplitPlan":
    """Return how the job's result would be divided into about `wanted` splits. Raises as `open_divided` does."""
    with open_divided(job, directory, wanted) as divided:
        return divided.plan


def read_first_rows(job: Job, directory: Path, limit: int) -> pa.Table:
    """Return the first rows of the job's result as they are. Raises as `open_result` does."""
    with (
        _opened(job, directory, _tag(job)) as source,
        read_in_background(source, job.sql, Event()) as result,
    ):
        compiler = compile_job(job, result.schema)
        batches = list(compiler.first(result.batches(), limit, test=True))
        return pa.Table.from_batches(batches, result.schema)


def delimiters(job: Job) -> list[tuple[str, str]]:
    """Return the job's files with their delimiters; none for a query. Raises SourceError, FileRefused."""
    if job.file is None:
        return []
    from connector.files.file_source import open_files

    with open_files(job.file) as source:
        return source.delimiters()


def _opened(
    job: Job, directory: Path, tag: str, place: Mapping[str, Any] | None = None
) -> AbstractContextManager[Source]:
    """Connect to the warehouse, or open the files; only those of a split if its place is given."""
    if job.warehouse is not None:
        return _located_errors(job, open_source(job.warehouse, directory, tag))
    if job.file is None:
        raise AssertionError("neither a query nor a file")
    from connector.files.file_source import open_files

    return open_files(job.file, place=place)


class QueryFailed(SourceError):
    """The warehouse refuses the query, which `problem` locates."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        is_query = problem.file is not None and problem.file.suffix == ".sql"
        file = f"{'queries/' * is_query}{problem.file.name}:" if problem.file else ""
        super().__init__(f"{file}{f'{problem.line}:' if problem.line else ''} {problem.message}")


@contextmanager
def _located_errors(job: Job, opened: AbstractContextManager[Source]) -> Iterator[Source]:
    """Add the file of the query, and the line if the warehouse names it, to the errors of the query."""
    try:
        with opened as source:
            yield source
    except SourceError as error:
        if job.model_place and error.message.startswith(QUERY_FAILED):
            raise QueryFailed(Problem(error.message, *job.model_place, Rule.QUERY_FAILED)) from None
        if job.query is None or not error.message.startswith(QUERY_FAILED):
            raise
        if job.cursor is not None and job.cursor.since is not None:
            text = f"{error.message.rstrip('.')}. `--full` runs the query without the bound of its cursor."
            error = SourceError(text, error.place)
        is_located = error.place is not None and job.orchestration.dialect is None
        place = job.query.place(*_in_query(job, *error.place)) if error.place and is_located else (None, None)
        message = _EXCERPT.sub("", error.message) if is_located else error.message
        message = message.removesuffix(".") if message.endswith("?.") else message
        end = "" if message.endswith((".", "?", "!")) else "."
        line, column = place
        raise QueryFailed(Problem(f"{message}{end}", job.query.path, line, column, Rule.QUERY_FAILED)) from None


def _in_query(job: Job, line: int, column: int | None) -> tuple[int, int | None]:
    """Return a place in the query as it was before it was restricted to what is new."""
    if line > 1 or column is None or job.cursor is None or job.cursor.since is None:
        return line, column
    from connector.queries.cursor import PREFIX

    return line, max(1, column - len(PREFIX))


def _files(source: Source, job: Job) -> "FileSource | None":
    if job.file is None:
        return None
    from connector.files.file_source import FileSource

    return source if isinstance(source, FileSource) else None


def _scan_report(source: Source, job: Job, sent_files: "SentFiles | None", limit: int | None) -> "ScanReport | None":
    """Skip the files that were sent before, and return the report on the others; None for a query."""
    files = _files(source, job)
    if files and sent_files is not None:
        from connector.runs.files import skip_sent_files

        skip_sent_files(files, job, sent_files, limit=limit)
    return files.reading if files else None


@contextmanager
def _add_column_changes(reading: "ScanReport | None") -> Iterator[None]:
    """Add the changes of the files' columns to the problems of a ConfigurationError."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(
            [*error.problems, *(Problem(change, rule=Rule.COLUMNS) for change in (reading.changes if reading else ()))]
        ) from None


def _tag(job: Job, run_id: str | None = None) -> str:
    return ":".join(("connector", job.orchestration.name, *((run_id,) if run_id else ())))


def compile_job(job: Job, schema: pa.Schema) -> RowCompiler:
    """Return the `RowCompiler` for these columns. Raises ConfigurationError with every problem found."""
    try:
        binding = bind(job.template, schema, job.destination.catalogue)
        return job.destination.compile(binding, job.rules)
    except ConfigurationError as error:
        problems = [problem if problem.file else _placed(problem, job) for problem in error.problems]
        raise ConfigurationError(problems) from None


def transform_threads() -> int:
    """Return the number of slices to transform at once: one for each core, up to eight to limit memory."""
    return max(1, min(os.cpu_count() or 1, 8))


def _placed(problem: Problem, job: Job) -> Problem:
    """Add the file or the query to a problem with its columns."""
    if job.file:
        return replace(problem, message=f"{job.file.display_name}: {problem.message}")
    if job.model_place:
        return Problem(problem.message, *job.model_place, problem.rule)
    return replace(problem, file=job.orchestration.query_path)
