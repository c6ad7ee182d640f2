"""Division of a Snowflake result, which the warehouse keeps in chunks."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby

from connector.core.split_plan import SplitPlace, SplitPlan, query_digest
from connector.errors import SourceError

_ONE_CHUNK = "The result is read by one task: Snowflake keeps it in one chunk."


def divide_chunks(query_id: str, sql: str, rows: Sequence[int], wanted: int) -> SplitPlan:
    """Divide the chunks of a result, by their numbers of rows, into about so many splits."""
    lasting = {"query_id": query_id, "query": query_digest(sql)}
    places = [{**lasting, **place} for place in _places(rows, max(1, wanted))]
    note = _ONE_CHUNK if len(rows) <= 1 < wanted else None
    return SplitPlan(places, is_lasting=True, note=note, query_id=query_id)


def are_chunks_of(sql: str, places: Sequence[SplitPlace], rows: Sequence[int]) -> bool:
    """Test whether places are those of a query, and of its result with chunks of so many rows."""
    return all(
        place["query"] == query_digest(sql)
        and place["query_id"] == places[0]["query_id"]
        and place["rows"] == sum(rows[slice(*place["chunks"])])
        for place in places
    )


def check_chunks(place: SplitPlace, rows: Sequence[int]) -> None:
    """Raise SourceError if the chunks of a place are not those that were there when the result was divided."""
    if sum(rows) != place["rows"]:
        raise SourceError(
            f"The result of the Snowflake query {place['query_id']} is not divided as it was: run the orchestration "
            "again, which reads the result again."
        )


def _places(rows: Sequence[int], wanted: int) -> Iterator[SplitPlace]:
    """Yield a place for each group of chunks; one at least, since also an empty result has columns."""
    ends = list(accumulate(rows, initial=0))
    total = max(1, ends[-1])
    middles = [(ends[number] + ends[number + 1]) / 2 for number in range(len(rows))]
    numbers = groupby(range(len(rows)), lambda number: min(wanted - 1, int(middles[number] * wanted / total)))
    groups = [list(group) for _, group in numbers] or [[]]
    for group in groups:
        first, end = (group[0], group[-1] + 1) if group else (0, 0)
        yield {"chunks": [first, end], "rows": ends[end] - ends[first]}
