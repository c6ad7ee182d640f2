"""What is to be read, and what is learnt of it meanwhile."""

from dataclasses import dataclass, field
from pathlib import Path

from connector.config.file_format import FileFormat
from connector.conversions import MOST_BYTES, MOST_ROWS
from connector.errors import Problem
from connector.files.findings import Findings
from connector.files.lines import LineIndex
from connector.files.places import shown_from


@dataclass(frozen=True, slots=True)
class Input:
    """What is to be read: a path or an address, perhaps with wildcards, and how it is written."""

    pattern: str
    format: FileFormat
    directory: Path

    @property
    def shown(self) -> str:
        """The path as seen from the project, or the address without a password."""
        return shown_from(self.pattern, self.directory)


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a file of the program may be: rows, and bytes uncompressed."""

    rows: int = MOST_ROWS
    size: int = MOST_BYTES


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that was read to its end: its name as it is shown, its size in bytes, its SHA-256 in hex."""

    name: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class LastSent:
    """The file that was sent last: its name, the run that sent it, its columns."""

    name: str
    run_id: str
    columns: tuple[str, ...]


@dataclass(slots=True)
class Reading:
    """What is learnt of the files while they are read.

    `found` is what is wrong in the files, `refused` what is wrong with sending them at all, `rejected` what is wrong
    with single rows, `notes` is not wrong.
    """

    found: Findings = field(default_factory=Findings)
    refused: list[Problem] = field(default_factory=list)
    rejected: Findings = field(default_factory=Findings)
    lines: LineIndex = field(default_factory=LineIndex)
    files: list[ReadFile] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    """The names in the header lines of the files that are read; all have the same."""
    changes: list[str] = field(default_factory=list)
    """How these differ from the columns of the file that was sent last; also among the notes."""
