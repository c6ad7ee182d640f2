"""Rows of Python values as Arrow columns."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from connector.errors import SourceError
from connector.sources.column_builder import ColumnBuilder

ZONE = timezone(timedelta(hours=2))
NOON = datetime(2026, 11, 20, 12)  # noqa: DTZ001


def column(values: list[Any], described: object = None, then: list[Any] | None = None) -> tuple[pa.DataType, list[Any]]:
    """The type that these values decide, and what comes of them and of further ones."""
    columns = ColumnBuilder([("v", described)], [(value,) for value in values])
    batches = [columns.batch([(value,) for value in some]) for some in (values, then or []) if some]
    return columns.schema.types[0], [value for batch in batches for value in batch.column(0).to_pylist()]


KEPT: list[tuple[list[Any], pa.DataType]] = [
    ([1, None], pa.int64()),
    ([2**63, 1], pa.decimal128(38, 0)),
    ([1, 2.5], pa.float64()),
    ([Decimal("1.50"), 2, None], pa.decimal128(38, 2)),
    ([Decimal("1E+5")], pa.decimal128(38, 0)),
    ([True, None], pa.bool_()),
    ([date(2026, 1, 1)], pa.date32()),
    ([time(10, 30)], pa.time64("us")),
    ([NOON], pa.timestamp("us")),
    ([NOON.replace(tzinfo=ZONE)], pa.timestamp("us", "UTC")),
    ([b"\0a"], pa.binary()),
    (["é", ""], pa.string()),
    ([["a", None], []], pa.list_(pa.string())),
]


@pytest.mark.parametrize(("values", "kind"), KEPT, ids=str)
def test_a_type_is_chosen_that_holds_every_value(values: list[Any], kind: pa.DataType) -> None:
    assert column(values) == (kind, values)


AS_TEXT = [
    ([None], [None]),
    ([1, "a", Decimal("1.50"), 2.5, True], ["1", "a", "1.50", "2.5", "true"]),
    ([UUID("9b2f6a40-2b0c-4a8e-8d57-0a1b2c3d4e5f")], ["9b2f6a40-2b0c-4a8e-8d57-0a1b2c3d4e5f"]),
    ([{"é": [1, Decimal("1.5")]}], ['{"é": [1, "1.5"]}']),
    ([[1, 2]], ["[1, 2]"]),
    ([Decimal("NaN"), Decimal(1)], ["NaN", "1"]),
    ([Decimal(f"1.{'1' * 40}")], [f"1.{'1' * 40}"]),
    ([NOON, NOON.replace(tzinfo=UTC)], ["2026-11-20T12:00:00", "2026-11-20T12:00:00+00:00"]),
    (["a", b"\xff"], ["a", "ff"]),
]


@pytest.mark.parametrize(("values", "texts"), AS_TEXT, ids=str)
def test_what_has_no_type_in_common_becomes_text(values: list[Any], texts: list[Any]) -> None:
    assert column(values) == (pa.string(), texts)


def test_a_column_without_a_value_has_the_type_that_the_driver_names() -> None:
    assert column([None], int, [7]) == (pa.int64(), [None, 7])
    assert column([None], None, [7, Decimal("1.50")]) == (pa.string(), [None, "7", "1.50"])
    assert column([], datetime)[0] == pa.timestamp("us")


LOSING = [
    ([1], 2.5),
    ([1], "a"),
    ([1], 2**63),
    ([True], 2),
    ([2.5], 2**53 + 1),
    ([date(2026, 1, 1)], NOON),
    ([NOON], 5),
    ([Decimal("1.5")], Decimal("1.55")),
    ([b"a"], "a"),
    ([["a"]], [1]),
]


@pytest.mark.parametrize(("first", "later"), LOSING, ids=str)
def test_a_later_value_that_would_lose_something_stops_the_query_and_is_not_quoted(
    first: list[Any], later: Any
) -> None:
    with pytest.raises(SourceError, match='The column "v" starts with values of type .* cast it') as caught:
        column(first, None, [later])
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
