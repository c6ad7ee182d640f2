"""Hold the results of checking a destination before anything is sent to it."""

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
    """One check, and a sentence on its result."""

    name: str
    outcome: Outcome
    sentence: str
    about_token: bool = False
    """True if the platform rejected the token."""
    code: int | None = None
    is_unreachable: bool = False
    """True if nothing answered."""


@dataclass(frozen=True, slots=True)
class CheckedDestination:
    """All checks of a destination."""

    checks: Sequence[Check]
    changes: Sequence[str] = ()
    """Sentences on the changes that a run makes first at the platform."""
