"""The outcome of checking a destination before anything is sent to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The result of a check."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked, and a sentence on what was found."""

    name: str
    outcome: Outcome
    sentence: str
    about_token: bool = False
    """The platform takes no such token."""
    code: int | None = None


@dataclass(frozen=True, slots=True)
class CheckedDestination:
    """All checks of a destination."""

    checks: Sequence[Check]
    changes: Sequence[str] = ()
    """The changes at the platform that a run makes first."""
