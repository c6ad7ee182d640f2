"""The problems of files: the first ones of each kind, and a count."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from threading import Lock
from typing import Any

from connector.errors import Problem

MAX_LISTED = 20
"""Problems listed of each kind; the others are counted."""


@dataclass(slots=True)
class ProblemLog:
    """Collects problems, each described by a sentence without any value of the file.

    Safe to use from several threads.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _listed: dict[tuple[str, str], list[tuple[int, str]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, file: str, kind: str, lines: Sequence[int], sentences: Sequence[str], count: int) -> None:
        """Add `count` problems of a kind; the first ones with their lines and sentences.

        `kind` names several of them, as in "3 fields that ...".
        """
        if not count:
            return
        with self._lock:
            self.counts[file, kind] += count
            listed = self._listed.setdefault((file, kind), [])
            listed += [(int(line), sentence) for line, sentence in zip(lines, sentences, strict=True)]
            # Columns are checked one after another: which lines are the first must not depend on how many at a time.
            listed.sort(key=itemgetter(0))
            del listed[MAX_LISTED:]

    def lines(self, file: str, kind: str) -> list[int]:
        """Return the first lines with a problem of this kind."""
        return [line for line, _ in self._listed.get((file, kind), [])]

    def kinds(self) -> list[tuple[str, str, int]]:
        """Return the files, the kinds of their problems in the order of the first lines, and how many there are."""
        places = {file: place for place, (file, _) in reversed(list(enumerate(self.counts)))}
        ordered = sorted(self.counts.items(), key=lambda item: (places[item[0][0]], self._listed[item[0]][0][0]))
        return [(file, kind, count) for (file, kind), count in ordered]

    def to_json(self) -> list[Any]:
        """Return everything as JSON, for `add_json`."""
        return [[file, kind, count, self._listed[file, kind]] for (file, kind), count in self.counts.items()]

    def add_json(self, entries: Iterable[Any]) -> None:
        """Add what `to_json` returned."""
        for file, kind, count, listed in entries:
            self.add(file, kind, [line for line, _ in listed], [sentence for _, sentence in listed], count)

    def entries(self) -> list[Problem]:
        """Return the listed problems, by file and line, and the number of the others."""
        problems: list[Problem] = []
        for file in dict.fromkeys(file for file, _ in self.counts):
            problems += self._of_file(file)
        return problems

    def _of_file(self, file: str) -> list[Problem]:
        kinds = [(kind, count) for name, kind, count in self.kinds() if name == file]
        listed = sorted(one for kind, _ in kinds for one in self._listed[file, kind])
        problems = [Problem(f"{file}:{line}: {sentence}") for line, sentence in listed]
        more = [(kind, count) for kind, count in kinds if count > len(self._listed[file, kind])]
        return problems + [
            Problem(f"{file}: {count:,} {kind} in all; the first {len(self._listed[file, kind])} are listed.")
            for kind, count in more
        ]

    def __bool__(self) -> bool:
        return bool(self.counts)


def list_problems(place: str, sentences: Sequence[str]) -> list[Problem]:
    """List the first problems of a place, without unprintable characters, and the number of the others."""
    more = [f"{len(sentences) - MAX_LISTED:,} more problems"] if len(sentences) > MAX_LISTED else []
    return [Problem(f"{place}: {replace_unprintable(one)}.") for one in (*sentences[:MAX_LISTED], *more)]


def replace_unprintable(text: str) -> str:
    """Replace the unprintable characters of a text."""
    return "".join(one if one.isprintable() else "?" for one in text)
