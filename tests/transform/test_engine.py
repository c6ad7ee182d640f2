"""The engine gets the memory that a slice needs."""

import pyarrow as pa
import pytest

from connector.transform import engine
from connector.transform.engine import Engine, chunk_of
from connector.transform.template import DataTemplate
from tests.reference import Settings
from tests.transform.harness import compiled

NOW = 1_700_000_000


@pytest.mark.thorough
def test_rows_that_need_more_memory_than_usual_get_it() -> None:
    rows = 20_000
    table = pa.table(
        {
            "timestamp": [NOW] * rows,
            "event": ["Purchase"] * rows,
            "email": [f"user{n}@example.com" for n in range(rows)],
            "description": ["x" * 20_000] * rows,
        }
    )
    transform = compiled(table, Settings(started_at=NOW), DataTemplate("tiktok_events"))
    own = Engine(transform)
    limit = "SELECT current_setting('memory_limit')"
    before = own._connection.execute(limit).fetchall()
    hashed = own.rows(chunk_of(table.to_batches(), transform.indices, 1))
    after = own._connection.execute(limit).fetchall()
    own.close()
    assert hashed.num_rows == rows
    assert before != after, f"{rows} rows of 20 kB fit into {engine.SMALL_MEMORY}: the test needs larger ones"
