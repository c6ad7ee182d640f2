"""Ask for confirmation before something is changed at the platform."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connector.errors import ResumableError, UsageError

Ask = Callable[[str], bool | None]
"""Asks a yes-or-no question; returns None if nobody is there to answer."""


def nobody(_: str) -> None:
    """Return None: there is no terminal."""


MORE_REMOVALS = 1.05
"""The share of the removals that were agreed to which may be removed: the data go on changing."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The changes that a user saw in a plan and agreed to, before the run."""

    changes: tuple[str, ...] = ()
    """The changes at the platform, in the sentences of the plan."""
    removals: int | None = None
    """The identifiers that an audience loses; None: the plan was not one of an audience."""

    def refuse_more(self, changes: Sequence[str]) -> None:
        """Raise ResumableError if a change was not agreed to."""
        if more := [change for change in changes if change not in self.changes]:
            raise ResumableError(f"{' '.join(more)} The plan that was agreed to did not say so. {PLAN_AGAIN}")

    def refuse_more_removals(self, removals: int) -> None:
        """Raise ResumableError if an audience loses more identifiers than was agreed to, and 5 %."""
        agreed = self.removals or 0
        if removals > agreed * MORE_REMOVALS:
            raise ResumableError(
                f"{removals:,} identifiers would be removed from the audience. The plan that was agreed to removed "
                f"{agreed:,}. {PLAN_AGAIN}"
            )


PLAN_AGAIN = "Nothing was sent: plan again, and agree to that plan."


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Confirms changes by `--yes`, by an agreement to a plan, or by asking at the terminal."""

    yes: bool = False
    ask: Ask = nobody
    agreement: Agreement | None = None
    """The changes that were agreed to before; the user is asked nothing else."""

    def require_removals(self, removals: int, change: str | None) -> None:
        """Ask for confirmation of a `change` of an audience that is large, and refuse more `removals` than agreed to.

        Raises UsageError unless it is confirmed, ResumableError.
        """
        if self.agreement is not None:
            self.agreement.refuse_more_removals(removals)
        elif change is not None:
            self.require([change])

    def require(self, changes: Sequence[str], planned: Sequence[str] | None = None) -> None:
        """Ask for confirmation of the changes, each one sentence; `planned` are the sentences of a plan for them.

        Raises UsageError unless all are confirmed, ResumableError for one that is not in the agreement.
        """
        if self.agreement is not None:
            self.agreement.refuse_more(changes if planned is None else planned)
            return
        if self.yes or not changes:
            return
        sentences = " ".join(changes)
        answer = self.ask(f"{sentences} Go on?")
        if answer is None:
            raise UsageError(f"{sentences} Nothing was sent. To agree, run it once by hand with `--yes`.")
        if not answer:
            raise UsageError(f"{sentences} That was declined, and nothing was sent.")
