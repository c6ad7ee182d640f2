"""The only place that writes to stdout and stderr: data goes to the one, everything else to the other."""

import json
import os
import select
import sys
from collections.abc import Iterable, Mapping
from threading import Event

_SECONDS_BETWEEN_LOOKS = 0.2


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


def amber(text: str) -> str:
    """The text in yellow if a person sees stdout."""
    has_colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\x1b[33m{text}\x1b[0m" if has_colour else text


def can_be_asked() -> bool:
    """Whether a person sees stderr and can type an answer."""
    return is_terminal() and sys.stdin.isatty()


def yes(question: str, stop: Event) -> bool:
    """Whether the person says yes; anything else, the end of the input, and `stop` are a no."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    while not stop.is_set():
        if select.select([sys.stdin], [], [], _SECONDS_BETWEEN_LOOKS)[0]:
            return sys.stdin.readline().strip().lower() in {"y", "yes"}
    return False


def counted(number: int, noun: str) -> str:
    """A number of things, such as `1 event` and `2,000 events`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


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


def added_value(identical_value: Mapping[str, str]) -> dict[str, str]:
    """Describe what identical rows add to the value of their events, by the name of their warning."""
    values = ", ".join(f"{value} {currency}" for currency, value in identical_value.items())
    return {"identical_rows": f"adding {values}"} if values else {}
