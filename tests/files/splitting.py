"""Files that are read in one go and in splits, each as another process would read it.

`python -m tests.files.splitting ADDRESS` says in how many splits files elsewhere are read as in one go.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from connector.config.file_format import FileFormat
from connector.core.split_plan import SplitPlan
from connector.errors import Problem
from connector.files.file_source import FileSource, open_files
from connector.files.scan_report import FileDigest, FileInput, ScanReport, SizeLimits
from connector.files.split_summary import merge_summaries, summarize


@dataclass
class Reading:
    """The content of files, and the messages about them."""

    rows: pa.Table
    places: list[tuple[str, int]]
    problems: list[Problem]
    notes: list[str]
    files: list[FileDigest]


def in_one(folder: Path, pattern: str, limits: SizeLimits | None = None, **form: Any) -> Reading:
    """One reading."""
    with open_files(_input(folder, pattern, form), limits) as source, source.execute("") as result:
        rows = pa.Table.from_batches(result.batches(), result.schema)
        return _reading([rows], _places(source, rows), source.reading)


def in_splits(
    folder: Path, pattern: str, wanted: int, limits: SizeLimits | None = None, smallest: int = 1, **form: Any
) -> tuple[SplitPlan, Reading]:
    """One reading of each split; places and summaries go through JSON as they do on their way."""
    file_input = _input(folder, pattern, form)
    with open_files(file_input, limits) as driver, driver.splits("", wanted, None, smallest) as plan:
        tables, places, summaries = [driver.describe("").empty_table()], [], []
        for place in json.loads(json.dumps(list(plan.places))):
            with open_files(file_input, limits, place) as source, source.execute_split("", place) as result:
                tables.append(pa.Table.from_batches(result.batches(), result.schema))
                places += _places(source, tables[-1])
                summaries.append(json.loads(json.dumps(summarize(source.reading))))
        merge_summaries(driver.reading, summaries)
        return plan, _reading(tables, places, driver.reading)


def _input(folder: Path, pattern: str, form: dict[str, Any]) -> FileInput:
    return FileInput(pattern if "://" in pattern else str(folder / pattern), FileFormat(**form), folder)


def _places(source: FileSource, rows: pa.Table) -> list[tuple[str, int]]:
    return source.reading.lines.locate(np.arange(1, len(rows) + 1, dtype=np.int64)) if len(rows) < 50_000 else []


def _reading(tables: list[pa.Table], places: list[tuple[str, int]], report: ScanReport) -> Reading:
    rows = pa.concat_tables(tables).combine_chunks()
    return Reading(rows, places, report.problems.entries(), report.notes, report.files)


if __name__ == "__main__":
    divided, found = in_splits(Path.cwd(), sys.argv[1], 3)
    assert found == in_one(Path.cwd(), sys.argv[1])
    print(len(divided.places), found.rows.num_rows)
