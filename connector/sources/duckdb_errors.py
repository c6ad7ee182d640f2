"""DuckDB's errors without the values that they quote, which may contain any quotation mark or line break."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from connector.core.redaction import REDACTED, redact, redact_literals
from connector.errors import SourceError
from connector.sources.error_place import Place

_ABOUT_STATEMENT = re.compile(r"(?:Parser|Syntax|Binder|Catalog|Permission|IO|Out of Memory|Dependency) Error: ")
_PLACE = re.compile(r"\n\n(?P<line>LINE \d+: [^\n]*)\n *\^+\s*\Z")
"""Where the error is in the query. Behind a value that looks alike there is more, at least its quotation mark."""
_CSV = re.compile(r"[^\n]*CSV Error on Line: \d+(?=\n)")
_CSV_FAULT = re.compile(
    r"\n(Column [^\n]* is being converted as type [^\n]*|Expected Number of Columns: \d+ Found: \d+|"
    r"Value with unterminated quote found\.|Maximum line size of \d+ bytes exceeded[^\n]*)(?=\n)"
)
_UNQUOTED_VALUE = re.compile(
    r"((?:Could not cast|with) value )(?!['\"]).*(?= to [A-Z]| can't be cast )|(Could not parse string ).*", re.DOTALL
)
"""A number, list or struct, and a text that is repeated."""

_LINE_BREAK_MARK, _MAX_LENGTH = "\x00", 500


@contextmanager
def translate_errors(failure: str, place: Callable[[BaseException], Place | None] = lambda _: None) -> Iterator[None]:
    """Raise SourceError, which begins with `failure`, for errors of DuckDB and of files that it reads.

    `place` returns the place of an error in the query.
    """
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{failure}: {error_words(error)}", place(error)) from None


def error_words(error: BaseException) -> str:
    """Return an error's text on one line, without values."""
    # DuckDB shortens long messages, be it within a character.
    text = error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error)
    if _ABOUT_STATEMENT.match(text):
        return redact_literals(text)
    if csv := _CSV.match(text):
        # The line itself comes first, as it is in the file.
        faults = _CSV_FAULT.findall(text)
        return redact(f"{csv[0]}: {faults[-1]}" if faults else csv[0])
    place = _PLACE.search(text)
    value = _UNQUOTED_VALUE.sub(rf"\1\2{REDACTED}", text[: place.start()] if place else text)
    return _first_line(value) + (f" {redact_literals(place['line'])}" if place else "")


def _first_line(text: str) -> str:
    """Return the line on which an error's last value ends; further ones may repeat the value."""
    words = redact(text.replace("\n", _LINE_BREAK_MARK), longest=len(text) + len(REDACTED))
    return words.partition(_LINE_BREAK_MARK)[0].strip()[:_MAX_LENGTH]
