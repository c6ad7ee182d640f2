"""The header line of a delimited file: its delimiter, and the names of the columns."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from connector.catalogue import column_name
from connector.config.file_format import DELIMITERS, FileFormat
from connector.errors import FileRefused
from connector.files.findings import printable, problems_at
from connector.files.personal import identifies_a_person
from connector.files.text import Text

SUFFIXES = {".csv": "comma", ".tsv": "tab", ".psv": "pipe", ".txt": None}
PACKED = ".gz"

_EXCELS = re.compile(r'"?sep=(.|\\t)"?[,;|\t]*', re.IGNORECASE)
"""The line with which Excel is told of a delimiter."""
_QUOTED = re.compile(r'"[^"]*"')
_ONE_NAME = re.compile(r"\w+(?:[ .\-]+\w+)*")
_ANYTHING_BETWEEN = re.compile(r"[\s,;|^~:\x01]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Heading:
    """The first line that is not for Excel."""

    names: tuple[str, ...]
    """The columns' names in their order."""
    delimiter: str
    """The character between them."""
    written: tuple[str, ...]
    """The names as they stand in the file."""
    line: int = 1


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


def read_heading(text: Text, path: str, shown: str, form: FileFormat) -> Heading:
    """Read the header line. Blanks around names come off, unless the format wants the names exactly.

    Raises FileRefused.
    """
    first, character, place = text.first_line(), None, f"{shown}:1"
    if first is None:
        raise FileRefused(f"{shown} is empty: its first line has to name the columns.")
    line: str | None = first
    if told := _EXCELS.fullmatch(first):
        character = _told(told[1], place, form)
        line, place = text.first_line(), f"{shown}:2"
    if line is None or not column_name(line):
        raise FileRefused(f"{place}: the file has no header line: a line has to name the columns.")
    names = [DELIMITERS[name] for name in form.delimiters]
    declared = DELIMITERS[form.delimiter] if form.delimiter else None
    character = declared or character or _delimiter(line, path, names)
    written = _split(line, character, place)
    trimmed = tuple(map(column_name, written))
    _check_one(trimmed, line, place, form)
    _check(trimmed, place)
    return Heading(written if form.is_conversions else trimmed, character, written, int(place.rpartition(":")[2]))


def _told(character: str, place: str, form: FileFormat) -> str:
    if form.is_conversions:
        raise FileRefused(f"{place}: a line for Excel (sep=), where the program wants the headers: delete it.")
    character = "\t" if character == "\\t" else character
    if character not in DELIMITERS.values():
        raise FileRefused(f"{place}: the line for Excel names a delimiter that is not {_alternatives(form)}.")
    return character


def _suffix(path: str) -> str:
    name = PurePosixPath(path.lower().removesuffix(PACKED))
    return name.suffix


def _delimiter(line: str, path: str, allowed: Sequence[str]) -> str:
    """As the file's name says, unless the header line has none of that and some of another."""
    outside = _QUOTED.sub("", line)
    counts = {character: outside.count(character) for character in allowed}
    usual = SUFFIXES.get(_suffix(path))
    if usual and (counts[DELIMITERS[usual]] or not any(counts.values())):
        return DELIMITERS[usual]
    return max(counts, key=lambda character: counts[character])


def _split(line: str, delimiter: str, place: str) -> tuple[str, ...]:
    try:
        return tuple(next(csv.reader([line], delimiter=delimiter, strict=True), []))
    except csv.Error as error:
        what = "does not close it" if "end of data" in str(error) else "has text behind its end"
        raise FileRefused(f"{place}: the header line opens a quotation mark and {what}.") from None


def _check_one(names: tuple[str, ...], line: str, place: str, form: FileFormat) -> None:
    """Refuse what looks like several columns with another delimiter between them."""
    if len(names) == 1 and not _ONE_NAME.fullmatch(names[0]):
        if any(map(identifies_a_person, (line, *_ANYTHING_BETWEEN.split(line)))):
            raise _no_names(place)
        wanted = "the format declares a" if form.delimiter else "the delimiter has to be"
        raise FileRefused(
            f'{place}: the header line has one column, "{_shown(names[0])}": {wanted} '
            f"{form.delimiter or _alternatives(form)}."
        )


def _no_names(place: str) -> FileRefused:
    return FileRefused(
        f"{place}: the first line has what looks like an e-mail address, a phone number or a digest, no names: put a "
        "line that names the columns before it."
    )


def _check(names: tuple[str, ...], place: str) -> None:
    # First, since what follows repeats names.
    if any(map(identifies_a_person, names)):
        raise _no_names(place)
    if wrong := [*_without_name(names), *_twice(names)]:
        raise FileRefused(problems_at(place, wrong))


def _without_name(names: tuple[str, ...]) -> Iterator[str]:
    for place, name in enumerate(names, 1):
        if not name:
            yield f"column {place} has no name"
        elif _CONTROL.search(name):
            yield f"the name of column {place} holds a control character"
    if len(names) > 1 and all(len(name) > 1 and name[0] == name[-1] == "'" for name in names):
        yield "the names stand in single quotation marks: use double ones"


def _twice(names: tuple[str, ...]) -> Iterator[str]:
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names, 1):
        places.setdefault(name.lower(), []).append(place)
    for name, found in places.items():
        if name and len(found) > 1:
            yield f'columns {found[0]} and {found[1]} are both named "{_shown(name)}"'


def _shown(name: str) -> str:
    return printable(name[:60])


def _alternatives(form: FileFormat) -> str:
    *others, last = form.delimiters
    return ", ".join(f"a {name}" for name in others) + f" or a {last}"
