"""LiveRamp's rules for a conversions file, checked column by column; see `connector.catalogue.conversions`.

The section on the file's format asks to fix and send the whole file again if it breaks a rule, so each rule refuses
the file. Rules for single records (an identifier, a recent time) are left to the transform, which rejects the rows.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from connector.catalogue.conversions import COLUMNS, EMAILS, FILLED, PLACEHOLDERS, REQUIRED
from connector.errors import FileRefused
from connector.files.problem_log import MAX_LISTED, ProblemLog, list_problems
from connector.files.row_parser import LineNumbers

_Mask = npt.NDArray[np.bool_]

OUTER_SPACE = "fields that begin or end with white space"
PLACEHOLDER = "fields that say N/A or null"
MISSING = "blank fields that need a value"
UNDECLARED_CATEGORY = "transaction categories that are not declared"

_ASCII_SPACES = np.isin(np.arange(256), [*range(9, 14), *range(28, 33)])
_FIRST_NON_ASCII = 0x80


def check_columns(names: Sequence[str], display_name: str) -> None:
    """Raise FileRefused with all problems of the names and the order of the columns."""
    problems = [
        f'"{name[:60]}" is not a column of the program{_suggestion(name)}' for name in names if name not in COLUMNS
    ]
    problems += [f'the column "{name}" is needed' for name in REQUIRED if name not in names]
    positions = [COLUMNS.index(name) for name in names if name in COLUMNS]
    if positions != sorted(positions):
        order = ", ".join(COLUMNS[position] for position in sorted(positions))
        problems.append(f"the columns have to stand in this order: {order}")
    if problems:
        raise FileRefused(list_problems(f"{display_name}:1", problems))


def with_all_columns(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Add the missing columns of the program, without values."""
    nulls = pa.nulls(batch.num_rows, pa.string())
    present = dict(zip(batch.schema.names, batch.columns, strict=True))
    return pa.RecordBatch.from_arrays([present.get(name, nulls) for name in COLUMNS], names=list(COLUMNS))


class ConversionsChecks:
    """Checks the rows of a file. `categories` are the declared ones; without them all are allowed."""

    def __init__(self, display_name: str, problems: ProblemLog, categories: Sequence[str]) -> None:
        self._display_name, self._problems = display_name, problems
        self._categories = pa.array(categories, pa.string()) if categories else None

    def check(self, batch: pa.RecordBatch, lines: LineNumbers) -> None:
        """Add the problems of these rows, which begin on these lines, to the log."""
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            self._add(OUTER_SPACE, f"{name} begins or ends with white space.", _has_outer_space(column), lines)
            self._add(PLACEHOLDER, f"{name} says N/A or null: leave it blank.", _placeholders(column), lines)
            if name in FILLED:
                self._add(MISSING, f"{name} needs a value.", _to_mask(column.is_null()), lines)
        if self._categories is not None:
            column = batch.column("transaction_category")
            declared = pc.or_(pc.is_in(column, self._categories), column.is_null())
            self._add(
                UNDECLARED_CATEGORY,
                "transaction_category has a value that is not declared.",
                ~_to_mask(declared),
                lines,
            )

    def _add(self, kind: str, sentence: str, wrong: _Mask, lines: LineNumbers) -> None:
        count = int(np.count_nonzero(wrong))
        if count:
            first = lines[np.flatnonzero(wrong)[:MAX_LISTED]].tolist()
            self._problems.add(self._display_name, kind, first, [sentence] * len(first), count)


def is_instruction_row(batch: pa.RecordBatch) -> bool:
    """Test whether the first row is the program's template row, which explains each column.

    The page says only that there is such a row, to be deleted before the file is sent. It is taken to be one whose time
    and amount are words instead of numbers and which has no e-mail address.
    """
    first = batch.slice(0, 1).to_pylist()[0]
    texts = [first["transaction_timestamp"] or "", first["transaction_amount"] or ""]
    in_words = all(any(letter.isalpha() for letter in text) and not text.strip()[:1].isdigit() for text in texts)
    return in_words and not any("@" in (first.get(name) or "") and " " not in first[name].strip() for name in EMAILS)


def _has_outer_space(column: pa.Array) -> _Mask:
    """Mark texts with white space, in Unicode's sense, at an end; null and blank have none."""
    starts, data, filled = _texts(column)
    mask = np.zeros(len(column), np.bool_)
    first, last = data[starts[:-1][filled]], data[starts[1:][filled] - 1]
    mask[filled] = _ASCII_SPACES[first] | _ASCII_SPACES[last]
    non_ascii = np.flatnonzero(filled)[(first >= _FIRST_NON_ASCII) | (last >= _FIRST_NON_ASCII)]
    if len(non_ascii):
        texts = column.take(pa.array(non_ascii))
        mask[non_ascii] |= _to_mask(pc.not_equal(pc.utf8_trim_whitespace(texts), texts))
    return mask


def _placeholders(column: pa.Array) -> _Mask:
    starts, _, _ = _texts(column)
    lengths = np.diff(starts)
    mask = np.zeros(len(column), np.bool_)
    candidates = np.flatnonzero(np.isin(lengths, [len(word) for word in PLACEHOLDERS]))
    if len(candidates):
        words = pc.ascii_lower(column.take(pa.array(candidates)))
        mask[candidates] = _to_mask(pc.is_in(words, pa.array(PLACEHOLDERS)))
    return mask


def _texts(column: pa.Array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8], _Mask]:
    """Return where each text starts in the bytes (and the last one ends), the bytes, and which texts are not empty."""
    _, offsets, data = column.buffers()
    starts = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    content = np.frombuffer(data, np.uint8) if data is not None and data.size else np.empty(0, np.uint8)
    return starts, content, np.diff(starts) > 0


def _to_mask(array: pa.Array) -> _Mask:
    return np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False))


def _suggestion(name: str) -> str:
    exact = name.strip().lower().replace(" ", "_")
    return f': write it as "{exact}"' if exact in COLUMNS else ""
