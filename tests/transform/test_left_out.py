"""What is kept of events that are not sent, whatever stands in them."""

import json
from decimal import Decimal

import pyarrow as pa
import pytest

from connector.hashed import EVENTS
from connector.transform.events import left_out_rows

NAMES = (
    "(212) 555-0142",
    "\x00212-555-0142",
    "\n212 555 0142",
    "jane@example.com",
    "jane\uff20example.com",
    "\x1b jane(at)example.com",
)


def event(head: str) -> dict[str, object]:
    """An event (schema EVENTS) of one row."""
    nothing = {field.name: None for field in EVENTS}
    line = dict.fromkeys((field.name for field in EVENTS.field("lines").type.value_type), None)
    return nothing | {
        "key": b"k" * 16,
        "rows": [7],
        "head": head,
        "lines": [line],
        "amount": Decimal("1.5"),
        "persons": "",
    }


def kept(head: str) -> object:
    """The columns that are kept of an event."""
    table = pa.Table.from_pylist([event(head)], EVENTS)
    rows = left_out_rows(table, outcome="rejected", reason="refused_by_tiktok")
    assert rows["row"].to_pylist() == [7]
    return json.loads(rows["columns"][0].as_py())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_is_json_without_a_name(name: str) -> None:
    properties = json.dumps({"note": f"ask {name}", "n": 2125550142.5, name: [1]}, ensure_ascii=False)
    found = kept(f'{{"event":"Purchase","event_id":"e1","user":{{}},"properties":{properties[:-1]}')
    assert isinstance(found, dict)
    assert found["properties"]["n"] == 2125550142.5
    assert "[redacted]" in json.dumps(found)
    assert not {"example", "0142"} & {
        part for text in found["properties"] for part in (text, found["properties"]["note"]) if "[" not in part
    }


def test_of_an_event_that_is_no_json_nothing_is_kept() -> None:
    assert kept('{"event":"Purchase","user":{},"properties":{"note":"\\[redacted]"') == {}
