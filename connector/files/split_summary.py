"""Summaries of files that are read in splits, and the merging of all of them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import groupby
from operator import attrgetter
from typing import Any

from connector.files.repeated_headers import MAX_LINES, repeated_headers_note
from connector.files.scan_report import FileDigest, RangeReport, ScanReport, SizeLimits, too_large


def summarize(report: ScanReport) -> dict[str, Any]:
    """Return as JSON what was learned of one split, once it was read to its end. It quotes no values of the files."""
    return {
        "problems": report.problems.to_json(),
        "rejections": report.rejections.to_json(),
        "parts": [asdict(part) for part in report.parts],
    }


def merge_summaries(report: ScanReport, summaries: Iterable[Mapping[str, Any]]) -> None:
    """Add the summaries of all splits, in order, to the report of who divided the files, as if he had read them.

    Raises FileRefused if a file is larger than a program takes.
    """
    parts: list[RangeReport] = []
    for summary in summaries:
        report.problems.add_json(summary["problems"])
        report.rejections.add_json(summary["rejections"])
        parts += map(_part, summary["parts"])
    for name, of_file in groupby(parts, attrgetter("name")):
        _merge_parts(report, name, list(of_file))


def _merge_parts(report: ScanReport, name: str, parts: list[RangeReport]) -> None:
    """Add what was learned of one file."""
    rows, limits = sum(part.rows for part in parts), parts[0].limits
    if limits is not None and rows > limits.rows:
        raise too_large(name, limits)
    report.notes += [note for part in parts for note in part.notes]
    count = sum(part.repeated_headers for part in parts)
    lines = [line for part in parts for line in part.repeated_lines][:MAX_LINES]
    if note := repeated_headers_note(name, count, lines):
        report.notes.append(note)
    report.files += [part.file for part in parts if part.file is not None]


def _part(entry: Mapping[str, Any]) -> RangeReport:
    file, limits = entry["file"], entry["limits"]
    return RangeReport(
        **{**entry, "file": file and FileDigest(**file), "limits": limits and SizeLimits(**limits)},
    )
