"""The only module that writes to stdout and stderr: data to stdout, everything else to stderr."""

import json
import os
import select
import sys
from collections.abc import Iterable, Mapping
from threading import Event

_POLL_SECONDS = 0.2


def out(text: str = "") -> None:
    """Print a line of data."""
    sys.stdout.write(text + "\n")


def out_json(value: object) -> None:
    """Print one JSON object."""
    out(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def say(text: str = "") -> None:
    """Print a line about progress or a problem to stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def is_terminal() -> bool:
    """Return true if stderr is a terminal."""
    return sys.stderr.isatty()


def yellow(text: str) -> str:
    """Color text yellow if stdout is a terminal."""
    has_colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\x1b[33m{text}\x1b[0m" if has_colour else text


def is_interactive() -> bool:
    """Return true if the user sees stderr and can type an answer."""
    return is_terminal() and sys.stdin.isatty()


def confirm(question: str, stop: Event) -> bool:
    """Ask a question; any answer but yes, the end of the input, and setting `stop` count as no."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    while not stop.is_set():
        if select.select([sys.stdin], [], [], _POLL_SECONDS)[0]:
            return sys.stdin.readline().strip().lower() in {"y", "yes"}
    return False


def pluralize(number: int, noun: str) -> str:
    """Write a number with its noun, such as `1 event` and `2,000 events`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def table(rows: Iterable[tuple[str, ...]], *, right: frozenset[int] = frozenset()) -> list[str]:
    """Format rows as lines of aligned columns; align the columns in `right` to the right."""
    cells = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)] if cells else []
    return [
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def added_value(identical_value: Mapping[str, str]) -> dict[str, str]:
    """Describe what identical rows add to the value of their events, by the name of their warning."""
    values = ", ".join(f"{value} {currency}" for currency, value in identical_value.items())
    return {"identical_rows": f"adding {values}"} if values else {}
