"""The header line of a delimited file: its delimiter, and the names of the columns."""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

from connector.config.file_format import DELIMITERS
from connector.errors import FileRefused
from connector.redaction import redact

SUFFIXES = {".csv": "comma", ".tsv": "tab", ".psv": "pipe", ".txt": None}
PACKED = ".gz"


@dataclass(frozen=True, slots=True)
class Heading:
    """The columns' names in their order, and the character between them."""

    names: tuple[str, ...]
    delimiter: str


def is_packed(path: str) -> bool:
    """Whether a file's name says that it is gzip."""
    return path.lower().endswith(PACKED)


def check_name(path: str, shown: str) -> None:
    """Raises FileRefused for a file of no type that is read."""
    if _suffix(path) not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise FileRefused(
            f"{shown} is of no type that is read: its name has to end in {known}, or one of them and .gz."
        )


def heading(line: str, path: str, shown: str, delimiter: str | None) -> Heading:
    """What a header line says; `delimiter` is the declared one's name. Raises FileRefused."""
    if not line.strip():
        raise FileRefused(f"{shown}:1: the file has no header line.")
    if line.count('"') % 2:
        raise FileRefused(f"{shown}:1: the header line opens a quotation mark and does not close it.")
    character = DELIMITERS[delimiter] if delimiter else _delimiter(line, path)
    names = tuple(next(csv.reader([line], delimiter=character), []))
    # First, since what follows may repeat a name.
    if any(redact(name) != name for name in names):
        raise FileRefused(
            f"{shown}:1: the first line has what looks like an e-mail address or a phone number, no names."
        )
    _check(names, shown)
    return Heading(names, character)


def _suffix(path: str) -> str:
    name = PurePosixPath(path.lower().removesuffix(PACKED))
    return name.suffix


def _delimiter(line: str, path: str) -> str:
    """As the file's name says, unless the header line has none of that and some of another."""
    counts = {character: line.count(character) for character in DELIMITERS.values()}
    usual = SUFFIXES.get(_suffix(path))
    if usual and (counts[DELIMITERS[usual]] or not any(counts.values())):
        return DELIMITERS[usual]
    return max(counts, key=lambda character: counts[character])


def _check(names: tuple[str, ...], shown: str) -> None:
    if len(names) == 1:
        raise FileRefused(
            f'{shown}:1: the header line has one column, "{names[0][:60]}": the delimiter has to be a comma, a tab '
            "or a pipe."
        )
    blank = [place for place, name in enumerate(names, 1) if not name.strip()]
    twice = [name for name, count in Counter(name.lower() for name in names).items() if count > 1 and name.strip()]
    if blank or twice:
        what = f"column {blank[0]} has no name" if blank else f'two columns are named "{twice[0]}"'
        raise FileRefused(f"{shown}:1: {what}.")
