"""What is wrong with files: of each kind the first places, and how many there are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from connector.errors import Problem

SHOWN = 20
"""Of each kind of problem so many are listed; the others are counted."""


@dataclass(slots=True)
class Findings:
    """Collects problems; what one is about is said by a sentence, never by a value of the file.

    Safe to use from several threads.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _shown: dict[tuple[str, str], list[tuple[int, str]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, file: str, kind: str, lines: Sequence[int], sentences: Sequence[str], count: int) -> None:
        """Takes `count` problems of a kind in, of which the first ones are given with their line and sentence.

        `kind` says what many of them are, as in "3 fields that ...".
        """
        if not count:
            return
        with self._lock:
            self.counts[file, kind] += count
            shown = self._shown.setdefault((file, kind), [])
            room = SHOWN - len(shown)
            shown += [(int(line), sentence) for line, sentence in zip(lines, sentences, strict=True)][:room]

    def lines(self, file: str, kind: str) -> list[int]:
        """The first lines with a problem of this kind."""
        return [line for line, _ in self._shown.get((file, kind), [])]

    def problems(self) -> list[Problem]:
        """Every problem that is kept, in the order of the lines of each file, and how many others there are."""
        found: list[Problem] = []
        for file in dict.fromkeys(file for file, _ in self.counts):
            found += self._of_file(file)
        return found

    def _of_file(self, file: str) -> list[Problem]:
        kinds = [(kind, count) for (name, kind), count in self.counts.items() if name == file]
        shown = sorted(one for kind, _ in kinds for one in self._shown[file, kind])
        problems = [Problem(f"{file}:{line}: {sentence}") for line, sentence in shown]
        more = [(kind, count) for kind, count in kinds if count > len(self._shown[file, kind])]
        return problems + [
            Problem(f"{file}: {count:,} {kind} in all; the first {len(self._shown[file, kind])} are listed.")
            for kind, count in more
        ]

    def __bool__(self) -> bool:
        return bool(self.counts)


def problems_at(place: str, sentences: Sequence[str]) -> list[Problem]:
    """Return the first problems of a place, without characters that cannot be seen, and how many others there are."""
    more = [f"{len(sentences) - SHOWN:,} more problems"] if len(sentences) > SHOWN else []
    return [Problem(f"{place}: {printable(one)}.") for one in (*sentences[:SHOWN], *more)]


def printable(text: str) -> str:
    """Replace the characters of a text that cannot be seen."""
    return "".join(one if one.isprintable() else "?" for one in text)
