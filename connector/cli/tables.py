"""Tables of text that fit the width of the terminal."""

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap

from connector.cli.console import colour

MIN_WIDTH = 11
"""The least width to which a column of text is narrowed."""
_GAP = "  "

Style = Callable[[int, int], str | None]
"""Returns the color of a cell, by its row and column, if it has one."""


def table(
    rows: Iterable[tuple[str, ...]],
    *,
    right: frozenset[int] = frozenset(),
    keep: frozenset[int] = frozenset(),
    cut: Sequence[int] = (),
    drop: Sequence[int] = (),
    style: Style | None = None,
    indent: str = "",
) -> list[str]:
    """Format rows as lines of aligned columns; align the columns in `right` to the right.

    Where the terminal is too narrow, columns are dropped in the order of `drop`, those in `cut` are cut in its order,
    and the others are wrapped, first between words. Other columns in `right` and those in `keep` are never narrowed.
    """
    cells = [tuple(row) for row in rows]
    if not cells:
        return []
    fixed = (right | keep) - set(cut)
    columns = [
        _Column(
            index,
            max(map(len, texts)),
            _least(texts, index in fixed, index in cut),
            index in fixed,
            index in right,
            index in cut,
        )
        for index, texts in enumerate(zip(*cells, strict=True))
    ]
    if (width := output_width()) is not None:
        _fit(columns, drop, cut, width - len(indent))
    shown = [column for column in columns if column.shown]
    return [indent + line for number, row in enumerate(cells) for line in _lines(row, shown, number, style)]


def output_width() -> int | None:
    """Return the columns of the terminal, or those that COLUMNS names; None if stdout is none."""
    named = os.environ.get("COLUMNS", "")
    if named.isdecimal() and int(named):
        return int(named)
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


@dataclass(slots=True)
class _Column:
    """A column of a table."""

    index: int
    width: int
    least: int
    """The least width that it may have as long as words stay whole."""
    is_fixed: bool
    is_right: bool
    is_cut: bool
    shown: bool = True

    def texts(self, cell: str) -> list[str]:
        """Return the lines of a cell."""
        if len(cell) <= self.width:
            return [cell]
        if self.is_cut:
            beginning = cell[: self.width - 1]
            return [(beginning.rpartition(" ")[0] or beginning) + "…"]
        indent = cell[: len(cell) - len(cell.lstrip())]
        return wrap(cell, self.width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _least(texts: Sequence[str], is_fixed: bool, is_cut: bool) -> int:
    """Return the least width of a column."""
    width = max(map(len, texts))
    if is_fixed:
        return width
    words = 0 if is_cut else max((len(word) for text in texts for word in text.split()), default=0)
    return min(width, max(words, MIN_WIDTH))


def _fit(columns: Sequence[_Column], drop: Sequence[int], cut: Sequence[int], width: int) -> None:
    """Drop and narrow columns until a line has at most `width` characters, if it can."""

    def excess(*, least: bool = False) -> int:
        shown = [column.least if least else column.width for column in columns if column.shown]
        return sum(shown) + len(_GAP) * (len(shown) - 1) - width

    for index in drop:
        columns[index].shown = excess(least=True) <= 0
    for index in cut:
        columns[index].width = max(columns[index].least, columns[index].width - max(excess(), 0))
    for _ in range(2):
        while excess() > 0 and (narrowable := [one for one in columns if one.shown and one.width > one.least]):
            max(narrowable, key=lambda column: column.width).width -= 1
        # If whole words are too long, they are broken.
        for column in columns:
            column.least = column.least if column.is_fixed else min(column.least, MIN_WIDTH)


def _lines(row: tuple[str, ...], columns: Sequence[_Column], number: int, style: Style | None) -> list[str]:
    """Return the lines of a row, of which the first has every cell's beginning."""
    texts = [column.texts(row[column.index]) or [""] for column in columns]
    height = max(map(len, texts))
    lines = []
    for part in range(height):
        cells = [
            _padded(lines_of[part] if part < len(lines_of) else "", column, style and style(number, column.index))
            for column, lines_of in zip(columns, texts, strict=True)
        ]
        lines.append(_GAP.join(cells).rstrip())
    return lines


def _padded(text: str, column: _Column, code: str | None) -> str:
    padding = " " * (column.width - len(text))
    painted = colour(text, code) if code else text
    return padding + painted if column.is_right else painted + padding
