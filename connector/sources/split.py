"""Division of a query's result into splits, each of which another process can read."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, runtime_checkable

import pyarrow as pa

from connector.core.split_plan import WHOLE, SplitPlace, SplitPlan
from connector.sources.source import Result, Source

__all__ = ["KeepsSplits", "SplitPlace", "SplitPlan", "SplitSource", "Splittable", "execute_split", "plan_splits"]

NOT_SPLITTABLE = "The result is read by one task: this type of warehouse cannot divide it."


@runtime_checkable
class Splittable(Protocol):
    """A source whose results can be divided; optional for a `Source`. May change.

    The rows of all splits, in order, are exactly the rows of one reading: the same values, types and order. With
    `split_by`, they are the same rows in another order.
    """

    def splits(self, sql: str, wanted: int, split_by: str | None) -> AbstractContextManager[SplitPlan]:
        """Divide the result into about `wanted` splits, of which one is the least, by a column if it is named.

        Raises ConfigurationError for a column that the result does not have, SourceError.
        """

    def execute_split(self, sql: str, place: SplitPlace) -> AbstractContextManager[Result]:
        """Read one split, as `Source.execute` reads all; also by a source that another process opened."""


@runtime_checkable
class KeepsSplits(Protocol):
    """A source whose splits can outlast the process that planned them; optional for a `Splittable`. May change."""

    def can_read(self, sql: str, places: Sequence[SplitPlace]) -> bool:
        """Test whether these places, all of an earlier plan, are still those of the query, with the same rows."""


@contextmanager
def plan_splits(
    source: Source, sql: str, wanted: int, split_by: str | None = None, known: Sequence[SplitPlace] = ()
) -> Iterator[SplitPlan]:
    """Divide the result of any source; leaving the context releases what its splits need, unless they are lasting.

    The `known` places of an earlier plan are kept if the source can still read them as it did then: a query whose
    result the warehouse keeps does not run again. Raises as `Splittable.splits` does.
    """
    if known and all(known) and isinstance(source, KeepsSplits) and source.can_read(sql, known):
        yield SplitPlan(known, is_lasting=True, query_id=known[0].get("query_id"))
    elif isinstance(source, Splittable):
        with source.splits(sql, max(1, wanted), split_by) as plan:
            yield plan
    else:
        yield SplitPlan(WHOLE, is_lasting=True, note=NOT_SPLITTABLE)


def execute_split(source: Source, sql: str, place: SplitPlace) -> AbstractContextManager[Result]:
    """Read the split at a place; all rows if the place is empty. Raises SourceError."""
    if not place:
        return source.execute(sql)
    if not isinstance(source, Splittable):
        raise TypeError("a source that is not divided has only the empty place")
    return source.execute_split(sql, place)


class SplitSource:
    """A source of the rows of one split; see `Source`."""

    def __init__(self, source: Source, place: SplitPlace) -> None:
        self._source, self._place = source, place

    def execute(self, sql: str) -> AbstractContextManager[Result]:
        """See `Source.execute`."""
        return execute_split(self._source, sql, self._place)

    def describe(self, sql: str) -> pa.Schema:
        """See `Source.describe`."""
        return self._source.describe(sql)

    def cancel(self) -> None:
        """See `Source.cancel`."""
        self._source.cancel()

    def close(self) -> None:
        """See `Source.close`."""
        self._source.close()
