"""What is kept of events that are not sent, whatever stands in them."""

import hashlib
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from connector.core.hashed_rows import EVENTS
from connector.ledger.excluded_rows import read_excluded_rows
from connector.transform.excluded_events import excluded_event_rows
from tests.reference import Settings
from tests.staging.stages import NOW, staged_in

NAMES = (
    "(212) 555-0142",
    "\x00212-555-0142",
    "\n212 555 0142",
    "jane@example.com",
    "jane\uff20example.com",
    "\x1b jane(at)example.com",
)


def event(head: str, amount: Decimal | None = Decimal("1.5")) -> dict[str, object]:
    """An event (schema EVENTS) of one row."""
    nothing = {field.name: None for field in EVENTS}
    line = dict.fromkeys((field.name for field in EVENTS.field("lines").type.value_type), None) | {"amount": amount}
    return nothing | {
        "key": b"k" * 16,
        "rows": [7],
        "head": head,
        "lines": [line],
        "amount": amount,
        "persons": "",
    }


def kept(head: str, amount: Decimal | None = Decimal("1.5")) -> object:
    """The columns that are kept of an event."""
    table = pa.Table.from_pylist([event(head, amount)], EVENTS)
    rows = excluded_event_rows(table, outcome="rejected", reason="refused_by_tiktok")
    assert rows["row"].to_pylist() == [7]
    return json.loads(rows["columns"][0].as_py())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_is_json_without_a_name(name: str) -> None:
    properties = json.dumps({"description": f"ask {name}", "order_id": name, name: [1]}, ensure_ascii=False)
    found = kept(f'{{"event":"Purchase","event_time":5,"event_id":"e1","user":{{}},"properties":{properties[:-1]}')
    assert isinstance(found, dict)
    assert {"event": "Purchase", "timestamp": "5", "event_id": "e1", "value": "1.5"}.items() <= found.items()
    assert "[redacted]" in found["description"]
    assert not [text for text in found.values() if "example.com" in text or "0142" in text]


def test_of_a_row_without_item_and_amount_the_event_is_kept() -> None:
    head = '{"event":"Purchase","event_time":5,"event_id":"e1","user":{"email":"00"},"properties":{"currency":"EUR"'
    same = {"email": "00", "event": "Purchase", "timestamp": "5", "event_id": "e1", "currency": "EUR"}
    assert kept(head, amount=None) == same


def test_of_an_event_that_is_no_json_nothing_is_kept() -> None:
    assert kept('{"event":"Purchase","user":{},"properties":{"note":"\\[redacted]"', amount=None) == {}


LINES: list[dict[str, str | None]] = [
    {"order_id": "o1", "shop_id": "S", "content_id": "A", "content_name": "Bun", "price": "2.50", "quantity": "2"},
    {"order_id": "o1", "shop_id": "S", "content_id": "B", "content_name": None, "price": None, "quantity": None, "value": "3.25"},
    {"order_id": "o1", "shop_id": "S", "content_id": "C", "value": "bad"},
]  # fmt: skip


@pytest.mark.parametrize("slice_rows", [1, 2, 3])
def test_a_row_has_the_same_columns_whether_its_event_was_built_or_not(tmp_path: Path, slice_rows: int) -> None:
    names = dict.fromkeys(name for line in LINES for name in line)
    columns = {name: pa.array([line.get(name) for line in LINES], pa.string()) for name in names}
    same = {"event": "Purchase", "email": "jane@example.com", "timestamp": str(NOW), "currency": "EUR"}
    table = pa.table({**columns, **{name: pa.array([text] * len(LINES)) for name, text in same.items()}})
    staged = staged_in(tmp_path / "run", table, Settings(started_at=NOW), slice_rows)
    assert staged.rejects == {"incomplete_event": 2, "invalid_amount": 1}
    rows = {row["row"]: row for batch in read_excluded_rows(tmp_path / "run") for row in batch.to_pylist()}
    digest = hashlib.sha256(b"jane@example.com").hexdigest()
    for number, line in enumerate(LINES, 1):
        found = json.loads(rows[number]["columns"])
        given = {name: text for name, text in {**line, **same, "email": digest}.items() if text is not None}
        prices = {name: Decimal(given.pop(name)) for name in ("price", "quantity") if name in given}
        assert {name: Decimal(found.pop(name)) for name in ("price", "quantity") if name in found} == prices
        assert {name: text for name, text in found.items() if name != "event_id"} == given


def test_a_skipped_row_has_the_columns_that_name_its_event() -> None:
    table = pa.Table.from_pylist([event('{"event":"Purchase","event_time":5,"event_id":"e1","user":{},"x":{')], EVENTS)
    rows = excluded_event_rows(table, outcome="skipped", reason="already_delivered", brief=True)
    assert json.loads(rows["columns"][0].as_py()) == {"event": "Purchase", "timestamp": "5", "event_id": "e1"}
