"""Ask for confirmation before something is changed at the platform."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connector.errors import UsageError

Ask = Callable[[str], bool | None]
"""Asks a yes-or-no question; returns None if nobody is there to answer."""


def nobody(_: str) -> None:
    """Return None: there is no terminal."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Confirms changes by `--yes`, or by asking at the terminal."""

    yes: bool = False
    ask: Ask = nobody

    def require(self, changes: Sequence[str]) -> None:
        """Ask for confirmation of the changes, each one sentence. Raises UsageError unless all are confirmed."""
        if self.yes or not changes:
            return
        sentences = " ".join(changes)
        answer = self.ask(f"{sentences} Go on?")
        if answer is None:
            raise UsageError(f"{sentences} Nothing was sent. To agree, run it once by hand with `--yes`.")
        if not answer:
            raise UsageError(f"{sentences} That was declined, and nothing was sent.")
