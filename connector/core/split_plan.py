"""The division of a result, so that several processes read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

SplitPlace = Mapping[str, Any]
"""A JSON object that says which rows of the result a split has. An empty one means all of them."""

WHOLE: Sequence[SplitPlace] = ({},)
"""The places of a result that is not divided."""


def query_digest(sql: str) -> str:
    """Return what a place holds of its query, so that it is not used for another one."""
    return sha256(sql.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """A division of a result, as its source proposes it. May change."""

    places: Sequence[SplitPlace]
    """One for each split, in the order of the result. They hold no secrets, and no values of rows."""
    is_lasting: bool
    """Places can be read later, by any process; otherwise only while the context of `splits` is open."""
    note: str | None = None
    """A sentence that says why the result is one split; None if it is divided."""
    query_id: str | None = None
    """The query's id in the warehouse's own history, if it ran to be divided."""


ONE_WANTED = SplitPlan(WHOLE, is_lasting=True, note="The result is read by one task, as asked for.")
