"""The only module that writes to stdout and stderr: data to stdout, everything else to stderr."""

import json
import os
import select
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from threading import Event
from types import MappingProxyType
from typing import TextIO

from connector.core.secret_registry import without_secrets, without_secrets_in_texts

_POLL_SECONDS = 0.2


class Level(StrEnum):
    """How much a line on stderr matters."""

    DEBUG = "debug"
    """Printed with --verbose only."""
    INFO = "info"
    """Progress and notes, which --quiet drops."""
    WARNING = "warning"
    """Something to look at, or to answer."""
    ERROR = "error"
    """Why the command fails."""


@dataclass(slots=True)
class _Settings:
    """How lines are written to stderr."""

    level: Level = Level.INFO
    """The lowest level that is printed."""
    as_json: bool = False
    """True for one JSON object per line."""


_LEVELS = list(Level)
_NONE: Mapping[str, object] = MappingProxyType({})
_settings = _Settings()


def out(text: str = "") -> None:
    """Print a line of data: as it is, so texts that may quote a secret need `without_secrets` first."""
    sys.stdout.write(text + "\n")


def out_json(value: object) -> None:
    """Print one JSON object."""
    out(json.dumps(without_secrets_in_texts(value), ensure_ascii=False, indent=2, default=str))


def configure(*, quiet: bool = False, verbose: bool = False, as_json: bool = False) -> None:
    """Set what is written to stderr, and whether as text or as JSON."""
    _settings.level = Level.WARNING if quiet else Level.DEBUG if verbose else Level.INFO
    _settings.as_json = as_json


def is_printed(level: Level) -> bool:
    """Return true if lines of this level are printed."""
    return _LEVELS.index(level) >= _LEVELS.index(_settings.level)


def is_json() -> bool:
    """Return true if stderr gets one JSON object per line."""
    return _settings.as_json


def say(text: str = "", level: Level = Level.INFO, fields: Mapping[str, object] = _NONE) -> None:
    """Print a line about progress or a problem to stderr; `fields` are for those who read it as JSON."""
    if not is_printed(level):
        return
    if _settings.as_json:
        if not text:
            return
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        entry = without_secrets_in_texts({"time": at, "level": level, "message": text.strip(), **fields})
        text = json.dumps(entry, ensure_ascii=False, default=str)
    else:
        colours = {Level.ERROR: RED, Level.WARNING: YELLOW}
        text = colour(without_secrets(text), colours.get(level, ""), sys.stderr)
    write_as_it_is(text + "\n")
    sys.stderr.flush()


def write_as_it_is(text: str) -> None:
    """Write text without secrets to stderr, of which `protect_streams` would remove them, in keys and ids too."""
    getattr(sys.stderr, "write_as_it_is", sys.stderr.write)(text)


def warn(text: str) -> None:
    """Print a warning to stderr."""
    say(text, Level.WARNING)


def is_terminal() -> bool:
    """Return true if stderr is a terminal."""
    return sys.stderr.isatty()


RED, GREEN, YELLOW = "31", "32", "33"


def colour(text: str, code: str, stream: TextIO | None = None) -> str:
    """Color text if the stream (default: stdout) is a terminal that shows colors and the user wants them."""
    has_colour = (stream or sys.stdout).isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return f"\x1b[{code}m{text}\x1b[0m" if has_colour and text and code else text


def yellow(text: str) -> str:
    """Color text yellow if stdout is a terminal."""
    return colour(text, YELLOW)


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


def added_value(identical_value: Mapping[str, str]) -> dict[str, str]:
    """Describe what identical rows add to the value of their events, by the name of their warning."""
    values = ", ".join(f"{value} {currency}" for currency, value in identical_value.items())
    return {"identical_rows": f"adding {values}"} if values else {}
