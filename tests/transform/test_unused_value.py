"""A value that is not used does not count, whatever it holds: price x quantity goes before it unless it is first."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connector.transform.template import DataTemplate
from tests.reference import Settings
from tests.transform.harness import arrow_table, template_of, transformed

NOW = 1_700_000_000
FIRST = {"value": {"column": "value", "first": True}, "timestamp": "timestamp", "event": "event", "email": "email"}


@pytest.mark.parametrize("value", ["abc", "-5", "7", None])
@pytest.mark.parametrize("is_first", [False, True])
def test_a_bad_value_rejects_a_row_only_if_it_is_used(tmp_path: Path, value: str | None, is_first: bool) -> None:
    columns: dict[str, tuple[pa.DataType, list[Any]]] = {
        "event": (pa.string(), ["Purchase"]),
        "timestamp": (pa.int64(), [NOW]),
        "email": (pa.string(), ["jane@example.com"]),
        "content_id": (pa.string(), ["p1"]),
        "price": (pa.string(), ["2"]),
        "quantity": (pa.string(), ["3"]),
        "value": (pa.string(), [value]),
    }
    template = template_of(FIRST, tmp_path, extends=True) if is_first else DataTemplate("tiktok_events")
    found = transformed(arrow_table(columns), Settings(started_at=NOW, line_items=False), template)
    if is_first and value not in {"7", None}:
        assert found.rejected == {1: "invalid_amount"}
    else:
        (event,) = found.events
        assert event["properties"]["value"] == Decimal(7 if is_first and value else 6)
