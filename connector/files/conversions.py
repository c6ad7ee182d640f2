"""What LiveRamp's page asks of a conversions file, checked column by column; see `connector.conversions`.

The section on the file's format says that a file which does not keep to it has to be mended as a whole, so each of
these refuses it. What the page asks of single records (somebody to match, a recent time) is left to the transform,
which rejects the rows.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.conversions import COLUMNS, EMAILS, FILLED, PLACEHOLDERS, REQUIRED
from connector.errors import FileRefused
from connector.files.findings import SHOWN, Findings, problems_at
from connector.files.rows import Lines

_Flags = npt.NDArray[np.bool_]

SPACES = "fields that begin or end with white space"
WORDS = "fields that say N/A or null"
BLANK = "blank fields that need a value"
UNDECLARED = "transaction categories that are not declared"

_ASCII_SPACES = np.isin(np.arange(256), [*range(9, 14), *range(28, 33)])
_BEYOND_ASCII = 0x80


def check_headings(names: Sequence[str], shown: str) -> None:
    """Raises FileRefused with all that is wrong with the names, or the order, of the columns."""
    wrong = [f'"{name[:60]}" is none of the program\'s columns{_meant(name)}' for name in names if name not in COLUMNS]
    wrong += [f'the column "{name}" is needed' for name in REQUIRED if name not in names]
    places = [COLUMNS.index(name) for name in names if name in COLUMNS]
    if places != sorted(places):
        order = ", ".join(COLUMNS[place] for place in sorted(places))
        wrong.append(f"the columns have to stand in this order: {order}")
    if wrong:
        raise FileRefused(problems_at(f"{shown}:1", wrong))


def whole(batch: pa.RecordBatch) -> pa.RecordBatch:
    """All columns of the program, those blank that the file lacks."""
    nothing = pa.nulls(batch.num_rows, pa.string())
    present = dict(zip(batch.schema.names, batch.columns, strict=True))
    return pa.RecordBatch.from_arrays([present.get(name, nothing) for name in COLUMNS], names=list(COLUMNS))


class Checks:
    """Checks the rows of a file. `categories` are the declared ones; none: all are allowed."""

    def __init__(self, shown: str, found: Findings, categories: Sequence[str]) -> None:
        self._shown, self._found = shown, found
        self._categories = pa.array(categories, pa.string()) if categories else None

    def check(self, batch: pa.RecordBatch, lines: Lines) -> None:
        """Adds what is wrong with these rows, which begin on these lines, to the findings."""
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            self._add(SPACES, f"{name} begins or ends with white space.", _spaced(column), lines)
            self._add(WORDS, f"{name} says N/A or null: leave it blank.", _placeholders(column), lines)
            if name in FILLED:
                self._add(BLANK, f"{name} needs a value.", _flags(column.is_null()), lines)
        if self._categories is not None:
            column = batch.column("transaction_category")
            declared = pc.or_(pc.is_in(column, self._categories), column.is_null())
            self._add(UNDECLARED, "transaction_category has a value that is not declared.", ~_flags(declared), lines)

    def _add(self, kind: str, sentence: str, wrong: _Flags, lines: Lines) -> None:
        count = int(np.count_nonzero(wrong))
        if count:
            first = lines[np.flatnonzero(wrong)[:SHOWN]].tolist()
            self._found.add(self._shown, kind, first, [sentence] * len(first), count)


def is_instructions(batch: pa.RecordBatch) -> bool:
    """Whether the first row is that of the program's template which tells how to write each column.

    The page says only that there is such a row, to be deleted before the file is sent. It is taken to be one whose time
    and amount are words instead of numbers and which has no e-mail address.
    """
    first = batch.slice(0, 1).to_pylist()[0]
    told = [first["transaction_timestamp"] or "", first["transaction_amount"] or ""]
    in_words = all(any(letter.isalpha() for letter in text) and not text.strip()[:1].isdigit() for text in told)
    return in_words and not any("@" in (first.get(name) or "") and " " not in first[name].strip() for name in EMAILS)


def _spaced(column: pa.Array) -> _Flags:
    """Which texts have white space, in Unicode's sense, at an end; null and blank have none."""
    starts, data, filled = _texts(column)
    wrong = np.zeros(len(column), np.bool_)
    first, last = data[starts[:-1][filled]], data[starts[1:][filled] - 1]
    wrong[filled] = _ASCII_SPACES[first] | _ASCII_SPACES[last]
    beyond = np.flatnonzero(filled)[(first >= _BEYOND_ASCII) | (last >= _BEYOND_ASCII)]
    if len(beyond):
        some = column.take(pa.array(beyond))
        wrong[beyond] |= _flags(pc.not_equal(pc.utf8_trim_whitespace(some), some))
    return wrong


def _placeholders(column: pa.Array) -> _Flags:
    starts, _, _ = _texts(column)
    lengths = np.diff(starts)
    wrong = np.zeros(len(column), np.bool_)
    likely = np.flatnonzero(np.isin(lengths, [len(word) for word in PLACEHOLDERS]))
    if len(likely):
        words = pc.ascii_lower(column.take(pa.array(likely)))
        wrong[likely] = _flags(pc.is_in(words, pa.array(PLACEHOLDERS)))
    return wrong


def _texts(column: pa.Array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8], _Flags]:
    """Where each text starts in the bytes (and the last one ends), the bytes, and which texts are not empty."""
    _, offsets, data = column.buffers()
    starts = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    content = np.frombuffer(data, np.uint8) if data is not None and data.size else np.empty(0, np.uint8)
    return starts, content, np.diff(starts) > 0


def _flags(array: pa.Array) -> _Flags:
    return np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False))


def _meant(name: str) -> str:
    exact = name.strip().lower().replace(" ", "_")
    return f': write it as "{exact}"' if exact in COLUMNS else ""
