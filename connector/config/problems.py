"""Problems of a project, one sentence each."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from connector.config.nodes import Node, dotted
from connector.config.remote_address import without_credentials
from connector.config.suggest import did_you_mean
from connector.errors import ConfigurationError, Problem, Rule

_MAX_CHARACTERS = 60
MOST_EXPLAINED = 100
"""The most problems that get a suggestion, which is slow to find."""


@dataclass
class ProblemList:
    """The problems of one file."""

    file: Path
    items: list[Problem] = field(default_factory=list)
    _seen: set[Problem] = field(default_factory=set, repr=False)

    def add(self, node: Node, sentence: str, *, secret: bool = False, rule: Rule = Rule.INVALID_VALUE) -> None:
        """Record a sentence about a node, without its full stop; the value precedes one with "must".

        The value is left out if it is secret or came from the environment, as are the credentials of an address.
        """
        subject = dotted(node.origin) or "The file"
        if sentence.startswith("must") and not secret:
            subject = f"{subject} is {_value_text(node)}; it"
        end = "" if sentence.endswith(("?", ".")) else "."
        problem = Problem(_on_one_line(f"{subject} {sentence}{end}"), self.file, node.line, node.column, rule)
        self.record(problem)

    def record(self, problem: Problem) -> None:
        """Record a problem, unless it is recorded already."""
        if problem not in self._seen:
            self._seen.add(problem)
            self.items.append(problem)

    def add_unknown(self, node: Node, names: Iterable[str]) -> None:
        """Record an unknown key."""
        word = str(node.origin[-1]) if node.origin else ""
        if len(self.items) >= MOST_EXPLAINED:
            self.add(node, "is not a known key", rule=Rule.UNKNOWN_KEY)
            return
        names = list(names)
        hint = _hint(word, names) or "; known are " + ", ".join(names)
        self.add(node, f"is not a known key{hint}", rule=Rule.UNKNOWN_KEY)

    def add_absent(self, node: Node, kind: str, word: str, names: Iterable[str], there: str) -> None:
        """Record an unknown name, as `names the warehouse "demmo", which is not in warehouses`."""
        word, names = without_credentials(word), list(names) if len(self.items) < MOST_EXPLAINED else []
        choices = f" ({', '.join(names)})" if names else ""
        sentence = f'names the {kind} "{word}", which is not {there}{_hint(word, names) or choices}'
        self.add(node, sentence, rule=Rule.UNKNOWN_NAME)

    def raise_any(self) -> None:
        """Raise ConfigurationError with the problems in the order of the file, if there are any."""
        if self.items:
            raise ConfigurationError(self.ordered())

    def ordered(self) -> list[Problem]:
        """Return the problems in the order of the file."""
        return sorted(self.items, key=lambda problem: (problem.line or 0, problem.column or 0))


def _on_one_line(message: str) -> str:
    if message.isprintable():
        return message
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in message)


def _hint(word: str, names: list[str]) -> str:
    hint = did_you_mean(word, names)
    return f".{hint}" if hint else ""


def _value_text(node: Node) -> str:
    if node.template is not None:
        return f'filled in from "{node.template}"'
    value = node.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "blank"
    text = without_credentials(str(value))
    text = text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + "…"
    return f'"{text}"' if isinstance(value, str) else text
