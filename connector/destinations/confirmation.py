"""Changes at TikTok that somebody has to agree to before they are made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connector.errors import UsageError

Ask = Callable[[str], bool | None]
"""Asks a question that is answered with yes or no; None where nobody is there to be asked."""


def nobody(_: str) -> None:
    """Where there is no terminal."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Who may agree: whoever typed `--yes`, or whoever sits at the terminal."""

    yes: bool = False
    ask: Ask = nobody

    def require(self, changes: Sequence[str]) -> None:
        """Returns once all changes, each one sentence, are agreed to. Raises UsageError where they are not."""
        if self.yes or not changes:
            return
        said = " ".join(changes)
        answer = self.ask(f"{said} Go on?")
        if answer is None:
            raise UsageError(f"{said} Nothing was sent. To agree, run it once by hand with `--yes`.")
        if not answer:
            raise UsageError(f"{said} That was declined, and nothing was sent.")
