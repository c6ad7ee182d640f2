"""The only place that writes to stdout and stderr: data goes to the one, everything else to the other."""

import json
import sys
from collections.abc import Iterable


def out(text: str = "") -> None:
    """A line of data."""
    sys.stdout.write(text + "\n")


def out_json(value: object) -> None:
    """One JSON object."""
    out(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def say(text: str = "") -> None:
    """A line about what is going on."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def is_terminal() -> bool:
    """Whether a person is watching stderr."""
    return sys.stderr.isatty()


def table(rows: Iterable[tuple[str, ...]], *, right: frozenset[int] = frozenset()) -> list[str]:
    """Rows as lines of aligned columns; those in `right` are aligned to the right."""
    cells = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)] if cells else []
    return [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
