"""An e-mail address in a column that is no identifier leaves the process in no event and no rejected row."""

import hashlib
import json

import pyarrow as pa
import pytest

from connector.transform.template import Column, DataTemplate
from tests.reference import Settings
from tests.transform.harness import Outcome, transformed

NOW = 1_700_000_000
PIXEL = "C4A1B2C3D4E5F6G7H8I9"
ADDRESS = "Jane.Doe+vip@example.com"
IDS = ("event_id", "order_id", "shop_id", "content_id")
TEXTS = ("description", "content_name", "content_category", "brand", "content_type")
WRITTEN = (ADDRESS, f"ask {ADDRESS} please", f"<{ADDRESS}>", '"jane doe"@example.com', "jane@@example.com")


def outcome(columns: dict[str, str], *, web: bool = False, template: DataTemplate | None = None) -> Outcome:
    row = {"event": "Purchase", "email": "jo@example.org", "page_url": "https://a.example", **columns}
    arrays = {name: pa.array([value]) for name, value in row.items()}
    table = pa.table({"timestamp": pa.array([NOW]), **arrays})
    source = {"event_source": "web", "event_source_id": PIXEL} if web else {}
    return transformed(table, Settings(started_at=NOW, **source), template or DataTemplate("tiktok_events"))  # type: ignore[arg-type]


@pytest.mark.parametrize("column", TEXTS)
@pytest.mark.parametrize("written", WRITTEN)
def test_an_address_is_taken_out_of_a_text(column: str, written: str) -> None:
    (text,) = outcome({column: written}).texts
    assert "example.com" not in text
    assert "[redacted]" in text


@pytest.mark.parametrize("column", IDS)
def test_an_id_that_is_an_address_becomes_a_digest(column: str) -> None:
    (event,) = outcome({column: ADDRESS}).events
    assert hashlib.sha256(ADDRESS.encode()).hexdigest()[:36] in json.dumps(event, default=str)
    assert "example.com" not in json.dumps(event, default=str)


def test_events_whose_ids_are_addresses_stay_apart() -> None:
    table = pa.table(
        {
            "timestamp": [NOW] * 3,
            "event": ["Purchase"] * 3,
            "email": ["jo@example.org"] * 3,
            "event_id": ["a@example.com", "b@example.com", "a@example.com"],
        }
    )
    assert transformed(table, Settings(started_at=NOW), DataTemplate("tiktok_events")).rows == [[1, 3], [2]]


@pytest.mark.parametrize("column", ["page_url", "referrer_url"])
def test_an_address_is_taken_out_of_a_url(column: str) -> None:
    for written in ("https://a.example/?mail=jane@example.com&x=1", "https://a.example/?mail=jane%40example.com&x=1"):
        (text,) = outcome({column: written}, web=True).texts
        assert "example.com" not in text


def test_an_address_is_taken_out_of_a_property_of_ones_own() -> None:
    template = DataTemplate("own", sources={"properties.note": (Column("note"),)})
    (event,) = outcome({"note": f"for {ADDRESS}"}, template=template).events
    assert event["properties"]["note"] == "for [redacted]"


def test_texts_without_an_address_stay_as_they_are() -> None:
    (event,) = outcome({"description": "2 for 1, 212-555-0142", "content_name": "Jane's 50% off: #3"}).events
    assert event["properties"]["description"] == "2 for 1, 212-555-0142"
    assert event["properties"]["contents"] == [{"content_name": "Jane's 50% off: #3"}]
