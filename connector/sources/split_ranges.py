"""Division of a result by the values of one of its columns: ranges of numbers and times, and hashes of texts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector.config.suggest import did_you_mean
from connector.core.columns import named_column
from connector.core.split_plan import SplitPlace
from connector.errors import ConfigurationError

SAMPLE_ROWS = 20_000
"""Values of a column from which its ranges are made, at least, if it has so many."""

_MOST_VALUES = 400_000
_PARTS_OF_A_RANGE = 10
"""A bound is rounded to about this fraction of a range: exact values of rows stay out of places."""


def split_column(schema: pa.Schema, split_by: str) -> pa.Field:
    """Return the column of a result to divide by. Raises ConfigurationError for a missing one, or another type."""
    field = named_column(schema, split_by)
    if field is None:
        hint = did_you_mean(split_by, schema.names)
        raise ConfigurationError(f'split_by: the result has no column "{split_by}".{hint}')
    if not (is_ranged(field.type) or _is_text(field.type)):
        raise ConfigurationError(
            f'split_by: the column "{field.name}" holds values of type {field.type}: name a column of whole numbers, '
            "dates, timestamps or texts."
        )
    return field


def is_ranged(kind: pa.DataType) -> bool:
    """Test whether a column of this type is divided into ranges; others are divided by a hash of each value."""
    return bool(pa.types.is_integer(kind) or pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def sorted_values(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> pa.Array:
    """Return values of the first column, sorted: every one, or every second, fourth … of many."""
    kept, step, count = [pa.array([], schema[0].type)], 1, 0
    for batch in batches:
        kept.append(batch.column(0)[::step])
        count += len(kept[-1])
        if count > _MOST_VALUES:
            kept, step = [pa.concat_arrays(kept)[::2]], step * 2
            count = len(kept[0])
    values = pa.concat_arrays(kept)
    return values.take(pc.array_sort_indices(values))


def range_places(name: str, values: pa.Array, wanted: int) -> list[SplitPlace]:
    """Return about `wanted` ranges of a column, of which each has about as many of the sorted `values`.

    The first one has the rows without a value too. A single range means that the column cannot be divided.
    """
    steps = list(_as_python(values, [len(values) * number // wanted for number in range(wanted)]))
    rounded = [_rounded(step, _apart(steps)) for step in steps]
    bounds = sorted({_to_json(bound) for bound in rounded if bound > steps[0]}, key=_sort_key)
    edges = [None, *bounds, None]
    return [{"column": name, "from": low, "to": high} for low, high in pairwise(edges)]


def column_places(column: pa.Field, sample: Callable[[], pa.Array], wanted: int) -> list[SplitPlace]:
    """Return about `wanted` places by the values of a column, of which `sample` returns some, sorted.

    A single one means that the column has too few different values.
    """
    if not is_ranged(column.type):
        return hash_places(column.name, wanted)
    return range_places(column.name, sample(), wanted)


def hash_places(name: str, wanted: int) -> list[SplitPlace]:
    """Return places that have the rows of a column whose hash has the same remainder."""
    return [{"column": name, "remainder": number, "of": wanted} for number in range(wanted)]


def range_condition(place: Mapping[str, Any]) -> str:
    """Return the SQL condition of a range, as DuckDB and PostgreSQL both read it."""
    column = quote_name(place["column"])
    low, high = place["from"], place["to"]
    bounds = [f"{column} >= {_literal(low)}"] if low is not None else []
    bounds += [f"{column} < {_literal(high)}"] if high is not None else []
    condition = " AND ".join(bounds) or "TRUE"
    return f"(({condition}) OR {column} IS NULL)" if low is None else f"({condition})"


def quote_name(name: str) -> str:
    """Return a name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def _as_python(values: pa.Array, positions: Sequence[int]) -> Iterator[Any]:
    """Yield the values at positions, except those that Python cannot represent, such as infinite times."""
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.timestamp("us", values.type.tz), safe=False)
    for position in positions if len(values) else ():
        with suppress(OverflowError, ValueError):
            yield values[position].as_py()


def _apart(steps: Sequence[Any]) -> Any:
    """Return how far bounds may be moved."""
    return (steps[-1] - steps[0]) // (len(steps) * _PARTS_OF_A_RANGE)


def _rounded(value: Any, apart: Any) -> Any:
    """Round a number to a power of ten, and a timestamp to a minute or a second."""
    if isinstance(value, int):
        return value - value % 10 ** (len(str(apart)) - 1) if apart > 0 else value
    if not isinstance(value, datetime) or apart < timedelta(seconds=1):
        return value
    return value.replace(microsecond=0, second=0 if apart >= timedelta(minutes=1) else value.second)


def _to_json(value: int | date | datetime) -> int | str:
    return value if isinstance(value, int) else value.isoformat()


def _sort_key(bound: int | str) -> Any:
    return bound if isinstance(bound, int) else (datetime.fromisoformat(bound).replace(tzinfo=UTC))


def _literal(bound: int | str) -> str:
    if isinstance(bound, int):
        return str(bound)
    if "T" not in bound:
        return f"DATE '{bound}'"
    has_zone = datetime.fromisoformat(bound).tzinfo is not None
    return f"{'TIMESTAMPTZ' if has_zone else 'TIMESTAMP'} '{bound.replace('T', ' ')}'"
