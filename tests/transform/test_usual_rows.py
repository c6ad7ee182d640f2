"""Rows whose ids are plain take a shorter query, which comes to the same."""

import pyarrow as pa
import pytest

from connector.transform import slice_engine as engines
from connector.transform.slice_engine import Engine, to_chunk
from connector.transform.template import DataTemplate
from tests.reference import Settings
from tests.transform.harness import compiled

NOW = 1_700_000_000
PIXEL = "C4A1B2C3D4E5F6A7B8C9"
IDS = ["S1001", None, "#12", "gid://shopify/Order/77", "null", "a-b_c.d"]


def table(**more: object) -> pa.Table:
    """Rows with ids of letters, digits and a few signs, given and missing, and such as stand for nothing."""
    given = {
        "timestamp": [NOW] * 6,
        "event": ["Purchase"] * 5 + ["Other"],
        "email": ["a@b.co", "c@d.co", None, "e@f.co", "g@h.co", "i@j.co"],
        "phone": ["+12065550100"] * 6,
        "order_id": IDS,
        "content_id": IDS[::-1],
        "shop_id": [1, 2, None, 4, 5, 6],
        "ttclid": IDS,
        "url": ["https://shop.example/"] * 6,
        "price": [1.5, None, 2, 3, -4, 5],
        "quantity": [1, 2, 3, 4, 5, 6],
    }
    return pa.table({**given, **more})


@pytest.mark.parametrize("event_source", ["offline", "web"])
@pytest.mark.parametrize("event_ids", [{}, {"event_id": IDS[1:] + IDS[:1]}], ids=["derived", "given"])
def test_the_shorter_query_comes_to_the_same(
    monkeypatch: pytest.MonkeyPatch, event_source: str, event_ids: dict[str, object]
) -> None:
    read = table(**event_ids)
    settings = Settings(started_at=NOW, event_source=event_source, event_source_id=PIXEL)
    transform = compiled(read, settings, DataTemplate("tiktok_events"))
    with_placeholder = to_chunk(read.to_batches(), transform.cleaning, 1)
    without = to_chunk(read.take(pa.array([0, 1, 2, 3, 5])).to_batches(), transform.cleaning, 1)
    assert transform.usual_events_sql != transform.events_sql.replace("FROM events", "FROM usual_events")
    for chunk in (with_placeholder, without):
        engine = Engine(transform)
        found = engine.rows(chunk)
        monkeypatch.setattr(engines, "_are_plain", lambda *_: False)
        assert engine.rows(chunk).equals(found)
        monkeypatch.undo()
        engine.close()


@pytest.mark.parametrize(
    ("order_id", "usual"), [("S1", True), ("2065550100", False), ("a@b.co", False), ("null", False)]
)
def test_ids_that_could_name_a_person_take_the_longer_one(order_id: str, usual: bool) -> None:
    read = table(order_id=[order_id, *["S2"] * 5], content_id=["S3"] * 6, ttclid=["S4"] * 6)
    transform = compiled(read, Settings(started_at=NOW), DataTemplate("tiktok_events"))
    engine = Engine(transform)
    engine.rows(to_chunk(read.to_batches(), transform.cleaning, 1))
    assert ("usual_events" in engine._prepared) is usual
    assert ("events" in engine._prepared) is not usual
    engine.close()
