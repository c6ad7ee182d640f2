"""Files as they are written for a test, and what is read of them."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from connector.config.file_format import FileFormat
from connector.errors import ConnectorError
from connector.files.file_source import FileSource, open_files
from connector.files.scan_report import FileInput, SizeLimits

Row = dict[str, str | None]


def write(folder: Path, name: str, text: str | bytes) -> Path:
    """A file with this text, as gzip where its name says so."""
    content = text.encode() if isinstance(text, str) else text
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@contextmanager
def opened(folder: Path, pattern: str, limits: SizeLimits | None = None, **form: Any) -> Iterator[FileSource]:
    """The files of a folder, in a format."""
    with open_files(FileInput(str(folder / pattern), FileFormat(**form), folder), limits) as source:
        yield source


def read(folder: Path, pattern: str, limits: SizeLimits | None = None, **form: Any) -> tuple[list[Row], list[str]]:
    """All rows, and what is wrong with the files."""
    with opened(folder, pattern, limits, **form) as source, source.execute("") as result:
        rows = [row for batch in result.batches() for row in batch.to_pylist()]
        return rows, [problem.message for problem in source.reading.problems.entries()]


def rows_of(folder: Path, pattern: str, **form: Any) -> list[Row]:
    """All rows of files with which nothing is wrong."""
    rows, problems = read(folder, pattern, **form)
    assert problems == []
    return rows


def refusal(kind: type[ConnectorError], folder: Path, pattern: str, **form: Any) -> str:
    """Why files are not read at all."""
    with pytest.raises(kind) as caught:
        read(folder, pattern, **form)
    return caught.value.message
