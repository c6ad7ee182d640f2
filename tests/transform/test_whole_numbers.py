"""Whole numbers and times at the ends of their types, and the one value of an event that its first row gives."""

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from connector.errors import ConfigurationError
from connector.transform.readable import readable
from connector.transform.template import Column, DataTemplate, load_template
from tests.reference import Settings
from tests.transform.harness import arrow_table, transformed

NOW = 1_700_000_000


@pytest.mark.parametrize("number", ["0", "10", "1200", "-300", "9000000000000000000"])
def test_a_whole_decimal_keeps_the_zeros_at_its_end(number: str) -> None:
    table = arrow_table(
        {
            "event": (pa.string(), ["Purchase"]),
            "timestamp": (pa.int64(), [NOW]),
            "event_id": (pa.string(), ["e1"]),
            "email": (pa.string(), ["jane@example.com"]),
            "order_id": (pa.decimal128(20, 0), [Decimal(number)]),
        }
    )
    (event,) = transformed(table, Settings(started_at=NOW), DataTemplate("tiktok_events")).events
    assert event["properties"]["order_id"] == number


FIRST = -9_223_372_022_400_000_000
"""DuckDB's first timestamp, in microseconds."""


@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.parametrize("number", [FIRST - 1, -(2**63) + 2, FIRST, 0, 2**63 - 2])
def test_microseconds_before_the_first_time_are_the_infinite_past(number: int, zone: str | None) -> None:
    column = pa.chunked_array([pa.array([number, None, 1], pa.int64()).view(pa.timestamp("us", zone))])
    (found,) = readable(column).chunks
    expected = -(2**63) + 1 if number < FIRST else number
    assert found.view(pa.int64()).to_pylist() == [expected, None, 1]


def template(folder: Path, **parameters: object) -> DataTemplate:
    (folder / "own.yaml").write_text(yaml.safe_dump({"parameters": parameters}))
    return load_template("own", folder, lambda text, _file, _line: text)


@pytest.mark.parametrize("first", [True, False])
def test_the_first_row_of_an_event_may_give_its_value(tmp_path: Path, first: bool) -> None:
    made = template(tmp_path, value={"column": "total", "first": first})
    assert made.sources["value"] == (Column("total", None, first),)


@pytest.mark.parametrize(("key", "first"), [("value", "yes"), ("value", 1), ("value", None), ("price", True)])
def test_first_is_true_or_false_and_of_the_value_only(tmp_path: Path, key: str, first: object) -> None:
    with pytest.raises(ConfigurationError, match=f"{key}.*first"):
        template(tmp_path, **{key: {"column": "total", "first": first}})


def test_nothing_but_the_value_may_say_that_it_is_not_of_the_first_row(tmp_path: Path) -> None:
    assert template(tmp_path, price={"column": "cost", "first": False}).sources["price"] == (Column("cost"),)
