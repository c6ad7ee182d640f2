"""Batches that an earlier version staged are read as those of this one."""

from pathlib import Path

import pyarrow as pa

from connector.core.hashed_rows import EVENTS, LINE
from connector.staging.storage.arrow_file import ArrowFile
from connector.staging.storage.reader import StageReader


def test_the_items_of_an_event_of_an_earlier_version_are_its_one_line(tmp_path: Path) -> None:
    here = [field for field in EVENTS if field.name not in {"persons", "lines"}]
    columns = {field.name: pa.nulls(3, field.type) for field in here}
    columns["items"] = pa.array(
        ['{"content_id":"a"}', None, '{"content_id":"b"},{"content_id":"c"}'], LINE.field("item").type
    )
    columns["amount"] = pa.array([1, None, 3]).cast(LINE.field("amount").type)
    batch = pa.record_batch(columns)
    with ArrowFile(tmp_path / "events.arrow", batch.schema) as file:
        file.append(batch)
    with StageReader(tmp_path) as reader:
        found = reader.whole("events.arrow", 0)
    assert found.schema == EVENTS
    assert found["persons"].to_pylist() == [""] * 3
    lines = found["lines"].to_pylist()
    assert [len(one) for one in lines] == [1, 1, 1]
    assert [one[0]["item"] for one in lines] == columns["items"].to_pylist()
    assert [one[0]["amount"] for one in lines] == columns["amount"].to_pylist()
