"""Reading of a result in one go and in splits, each as another process would."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from connector.core.split_plan import SplitPlace, SplitPlan
from connector.sources.source import Result
from connector.sources.split import execute_split, plan_splits
from tests.sources.warehouses import opened


def table(result: Result) -> pa.Table:
    """All rows of a result."""
    return pa.Table.from_batches(result.batches(), result.schema)


def in_one(url: str, folder: Path, sql: str) -> pa.Table:
    """The rows of one reading."""
    with opened(url, folder) as source, source.execute(sql) as result:
        return table(result)


def in_splits(
    url: str,
    folder: Path,
    sql: str,
    wanted: int = 4,
    split_by: str | None = None,
    known: Sequence[SplitPlace] = (),
) -> tuple[SplitPlan, list[pa.Table]]:
    """The rows of each split, by a source of its own; places go through JSON as they do on their way."""
    with opened(url, folder) as driver, plan_splits(driver, sql, wanted, split_by, known) as plan:
        tables = []
        for place in json.loads(json.dumps(list(plan.places))):
            with opened(url, folder) as source, execute_split(source, sql, place) as result:
                tables.append(table(result))
    return plan, tables


def rows_of(tables: list[pa.Table]) -> list[str]:
    """The rows of all tables in any order."""
    whole = pa.concat_tables(tables)
    for place, field in enumerate(whole.schema):
        if pa.types.is_timestamp(field.type):
            # Python has no infinite times, and no nanoseconds.
            whole = whole.set_column(place, field.name, whole.column(place).cast(pa.int64()))
    return sorted(map(repr, whole.to_pylist()))
