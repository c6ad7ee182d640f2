"""The header line of a delimited file: its delimiter, and the names of the columns."""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from connector.catalogue import column_name
from connector.config.file_format import DELIMITERS, FileFormat
from connector.errors import FileRefused
from connector.files.file_address import SUFFIXES, suffix_of
from connector.files.problem_log import list_problems, replace_unprintable
from connector.files.text_reader import TextReader

_EXCELS = re.compile(r'"?sep=(.|\\t)"?[,;|\t]*', re.IGNORECASE)
"""The line that sets the delimiter for Excel."""
_QUOTED = re.compile(r'"[^"]*"')
_ONE_NAME = re.compile(r"\w+(?:[ .\-]+\w+)*")
_ANYTHING_BETWEEN = re.compile(r"[\s,;|^~:\x01]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Header:
    """The header line: the first line that is not for Excel."""

    names: tuple[str, ...]
    """The columns' names in their order."""
    delimiter: str
    """The character between them."""
    raw_names: tuple[str, ...]
    """The names as written in the file."""
    line: int = 1


def read_header(text: TextReader, path: str, display_name: str, form: FileFormat) -> Header:
    """Read the header line. Removes blanks around names, unless the format needs them exact.

    Raises FileRefused.
    """
    first_line, character, place = text.read_line(), None, f"{display_name}:1"
    if first_line is None:
        raise FileRefused(f"{display_name} is empty: its first line must name the columns.")
    line: str | None = first_line
    if excel_line := _EXCELS.fullmatch(first_line):
        character = _excel_delimiter(excel_line[1], place, form)
        line, place = text.read_line(), f"{display_name}:2"
    if line is None or not column_name(line):
        raise FileRefused(f"{place}: the file has no header line: the first line must name the columns.")
    names = [DELIMITERS[name] for name in form.delimiters]
    declared = DELIMITERS[form.delimiter] if form.delimiter else None
    character = declared or character or _detect_delimiter(line, path, names)
    raw_names = _split(line, character, place)
    trimmed = tuple(map(column_name, raw_names))
    _check_single_column(trimmed, line, place, form)
    _check_names(trimmed, place)
    return Header(raw_names if form.is_conversions else trimmed, character, raw_names, int(place.rpartition(":")[2]))


def _excel_delimiter(character: str, place: str, form: FileFormat) -> str:
    if form.is_conversions:
        raise FileRefused(f"{place}: a line for Excel (sep=) in place of the headers: delete it.")
    character = "\t" if character == "\\t" else character
    if character not in DELIMITERS.values():
        raise FileRefused(f"{place}: the line for Excel names a delimiter that is not {_alternatives(form)}.")
    return character


def _detect_delimiter(line: str, path: str, allowed: Sequence[str]) -> str:
    """Take the delimiter of the file's suffix, unless the header line has only others."""
    unquoted = _QUOTED.sub("", line)
    counts = {character: unquoted.count(character) for character in allowed}
    default = SUFFIXES.get(suffix_of(path))
    if default and (counts[DELIMITERS[default]] or not any(counts.values())):
        return DELIMITERS[default]
    return max(counts, key=lambda character: counts[character])


def _split(line: str, delimiter: str, place: str) -> tuple[str, ...]:
    try:
        return tuple(next(csv.reader([line], delimiter=delimiter, strict=True), []))
    except csv.Error as error:
        problem = "does not close it" if "end of data" in str(error) else "has text behind its end"
        raise FileRefused(f"{place}: the header line opens a quotation mark and {problem}.") from None


def _check_single_column(names: tuple[str, ...], line: str, place: str, form: FileFormat) -> None:
    """Refuse a single name that looks like several with another delimiter."""
    if len(names) == 1 and not _ONE_NAME.fullmatch(names[0]):
        if any(map(identifies_person, (line, *_ANYTHING_BETWEEN.split(line)))):
            raise _not_a_header(place)
        expectation = "the format declares a" if form.delimiter else "the delimiter has to be"
        # What stands beside a lone quotation mark may be a piece of a row.
        shown = "" if '"' in names[0] else f', "{_excerpt(names[0])}"'
        raise FileRefused(
            f"{place}: the header line has one column{shown}: {expectation} {form.delimiter or _alternatives(form)}."
        )


def _not_a_header(place: str) -> FileRefused:
    return FileRefused(
        f"{place}: the first line has what looks like an e-mail address, a phone number or a digest, not column names: "
        "put a line with the column names before it."
    )


def _check_names(names: tuple[str, ...], place: str) -> None:
    # First, since the other messages quote names.
    if any(map(identifies_person, names)):
        raise _not_a_header(place)
    if problems := [*_unnamed_columns(names), *_repeated_names(names)]:
        raise FileRefused(list_problems(place, problems))


def _unnamed_columns(names: tuple[str, ...]) -> Iterator[str]:
    for place, name in enumerate(names, 1):
        if not name:
            yield f"column {place} has no name"
        elif _CONTROL.search(name):
            yield f"the name of column {place} holds a control character"
    if len(names) > 1 and all(len(name) > 1 and name[0] == name[-1] == "'" for name in names):
        yield "the names stand in single quotation marks: use double ones"


def _repeated_names(names: tuple[str, ...]) -> Iterator[str]:
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names, 1):
        places.setdefault(name.lower(), []).append(place)
    for name, positions in places.items():
        if name and len(positions) > 1:
            yield f'columns {positions[0]} and {positions[1]} are both named "{_excerpt(name)}"'


def _excerpt(name: str) -> str:
    return replace_unprintable(name[:60])


def _alternatives(form: FileFormat) -> str:
    *others, last = form.delimiters
    return ", ".join(f"a {name}" for name in others) + f" or a {last}"


_EMAIL = re.compile(r"[^\s@]+(?:@|%40)(?!\d+x\.)[\w\-]+(?:\.[\w\-]+)*\.[^\W\d_]{2,}", re.IGNORECASE)
"""An e-mail address; not `logo@2x.png`."""
_INTERNATIONAL_PHONE = re.compile(r"(?<![\w])\+\(?\d(?:[ ().\-/]{0,2}\d){7,14}(?!\d)")
_NUMBER = re.compile(r"\(?\d[\d ().\-/]*\d")
_DIGITS = re.compile(r"\D")
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_DEVICE = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def identifies_person(text: str) -> bool:
    """Test whether a text contains an e-mail address, or is a phone number, a SHA-256 or a device's id."""
    if _EMAIL.search(text) or _INTERNATIONAL_PHONE.search(text):
        return True
    if _DIGEST.fullmatch(text) or _DEVICE.fullmatch(text):
        return True
    return bool(_NUMBER.fullmatch(text)) and _is_phone(text)


def _is_phone(text: str) -> bool:
    """Test whether a number is valid anywhere with its country code, or in North America without one.

    A leading zero with separated parts counts as a national number elsewhere.
    """
    digits = _DIGITS.sub("", text)
    if not 9 <= len(digits) <= 15 or _is_date(digits):
        return False
    if digits.startswith("0"):
        return len(digits) <= 12
    import phonenumbers

    for number in (f"+{digits}", digits):
        # There may be no country with such a code.
        with suppress(phonenumbers.NumberParseException):
            if phonenumbers.is_valid_number(phonenumbers.parse(number, "US")):
                return True
    return False


def _is_date(digits: str) -> bool:
    """Test whether the first eight digits are a day of this century or the last, as in 20261129160301."""
    try:
        return datetime.strptime(digits[:8], "%Y%m%d").year in range(1900, 2100)  # noqa: DTZ007
    except ValueError:
        return False
