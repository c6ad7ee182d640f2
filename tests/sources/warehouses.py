"""Warehouses as the settings name them, and what is asked of each kind by the one contract of all."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from connector.config.warehouse import Warehouse
from connector.sources.registry import open_source
from connector.sources.source import Source

NAME = "Zoë 🎈 'quoted' \"twice\" :x %s %(y)s {z}"
SHOWN = NAME.replace("'", "''")
LARGE = 9_007_199_254_740_993
"""No floating-point number has this value."""

ROW: Mapping[str, Any] = {
    "n": LARGE,
    "price": Decimal("12.30"),
    "ratio": 0.1,
    "name": NAME,
    "flag": True,
    "day": date(2026, 11, 20),
    "at": datetime(2026, 11, 20, 10, 0, 0, 123456),  # noqa: DTZ001
    "zoned": datetime(2026, 11, 20, 8, 0, tzinfo=UTC),
    "blank": "",
}
TYPES = {
    "n": pa.int64(),
    "price": pa.decimal128(10, 2),
    "ratio": pa.float64(),
    "name": pa.string(),
    "flag": pa.bool_(),
    "day": pa.date32(),
    "at": pa.timestamp("us"),
    "zoned": pa.timestamp("us", "UTC"),
    "blank": pa.string(),
}


@dataclass(frozen=True)
class Kind:
    """A kind of warehouse with a table `t` of one row (n 1) in it, and how it says what the contract asks.

    `values` are SQL for the values of ROW, in its order; where they come otherwise, `row` and `types` say how.
    `numbers` gives so many rows from 1 on, with n and a text; `endless` gives such rows without end, `busy` runs for
    long without giving one, and `breaking` fails at its last row. `writing` begins as a query does.
    """

    warehouse: Warehouse
    directory: Path
    values: tuple[str, ...]
    numbers: Callable[[int], str]
    busy: str
    unreadable: str
    writing: tuple[str, ...]
    count: Callable[[], int]
    is_let_go: Callable[[], bool]
    endless: str | None = None
    breaking: str | None = None
    quote: str = '"'
    """Around names."""
    has_equal_names: bool = True
    """Whether columns of one result may have one name."""
    twin: int = 2
    """The second of two values under one name, of which the first is 1."""
    row: Mapping[str, Any] = field(default_factory=dict)
    types: Mapping[str, pa.DataType] = field(default_factory=dict)

    def opened(self) -> AbstractContextManager[Source]:
        """A connection."""
        return open_source(self.warehouse, self.directory, "connector:contract")

    def query(self) -> str:
        """The values of ROW, then a row without any."""
        columns = zip(self.values, ROW, strict=True)
        mark, nothing = self.quote, ", ".join(["NULL"] * len(ROW))
        row = ", ".join(f"{value} AS {mark}{name}{mark}" for value, name in columns)
        order = f"{mark}o{mark}"
        return f"SELECT * FROM (SELECT 1 AS {order}, {row} UNION ALL SELECT 2, {nothing}) AS x ORDER BY {order}"


def warehouse(url: str, **settings: Any) -> Warehouse:
    """A warehouse called `shop`."""
    return Warehouse.model_validate({"name": "shop", "url": url, **settings})


def opened(url: str, directory: Path, **settings: Any) -> AbstractContextManager[Source]:
    """A connection to it."""
    return open_source(warehouse(url, **settings), directory)
