"""A row that cannot be read is a rejected row of a run, of a limited one and of a retry, and its event waits for it."""

import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from connector.simulator.server import Simulator
from tests.cli.command import inside
from tests.cli.shop import NAME, Shop, shop

GOOD, TWICE = [("size", "9")], [("size", "9"), ("size", "10")]


def orders(made: Shop, bad: list[tuple[str, str]]) -> None:
    """Three lines of one order, of which the second has `bad`, and one line each of many others."""
    ids = ["A", *(f"B{number}" for number in range(300)), "A", "A"]
    details = [GOOD] * (len(ids) - 2) + [bad, GOOD]
    columns: dict[str, Any] = {
        "order_id": ids,
        "timestamp": [int(time.time()) - 3600] * len(ids),
        "email": ["jo@example.com"] * len(ids),
        "content_id": [f"c{number}" for number in range(len(ids))],
        "details": pa.array(details, pa.map_(pa.string(), pa.string())),
    }
    pq.write_table(pa.table(columns), made.directory / "orders.parquet")


@pytest.mark.parametrize("limit", [(), ("--limit", "1")])
def test_an_event_is_sent_whole_once_all_of_its_lines_can_be_read(tmp_path: Path, limit: tuple[str, ...]) -> None:
    template = {"extends": "tiktok_events", "parameters": {"properties.details": "details"}}
    with Simulator() as tiktok:
        made = shop(tmp_path / "shop", tiktok.url, f"FROM '{tmp_path}/shop/orders.parquet'", template=template)
        orders(made, TWICE)
        done = inside("run", NAME, *limit, "--json", project=made.directory)
        assert done.code == (3 if limit else 0), done
        others = 0 if limit else 300
        assert done.json["rejects"] == {"incomplete_event": 2, "invalid_identity": 1}
        assert done.json["rows"] == {
            "read": others + 3, "delivered": others, "rejected": 3, "skipped": 0, "pending": 0
        }  # fmt: skip
        orders(made, GOOD)
        again = inside("retry", done.json["run_id"], "--json", project=made.directory)
        assert again.code == 0, again
        assert again.json["rows"]["delivered"] == 3
        assert again.json["events"]["delivered"] == 1
