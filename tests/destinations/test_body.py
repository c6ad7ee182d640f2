import json

import pytest

from connector.core.route import Route
from connector.delivery.batch import Batch
from connector.destinations.tiktok.client import request_body

EVENTS = '{"event":"Purchase","text":"caf\u00e9"},{"event":"Lead"}'.encode()


def batch(route: Route, payload: bytes | memoryview = EVENTS) -> Batch:
    return Batch(0, route, 2, 2, payload)


def test_the_events_stand_in_their_envelope() -> None:
    body = request_body(batch(Route("offline", "7654321098765432109")))
    assert json.loads(body) == {
        "event_source": "offline",
        "event_source_id": "7654321098765432109",
        "data": [{"event": "Purchase", "text": "caf\u00e9"}, {"event": "Lead"}],
    }


@pytest.mark.parametrize("payload", [EVENTS, memoryview(b"xx" + EVENTS)[2:]])
def test_the_payload_is_joined_in_byte_for_byte(payload: bytes | memoryview) -> None:
    assert EVENTS in request_body(batch(Route("web", "C123"), payload))


def test_a_test_event_code_stands_at_the_root() -> None:
    body = json.loads(request_body(batch(Route("web", "C123")), "TEST12345"))
    assert body["test_event_code"] == "TEST12345"
    assert "test_event_code" not in body["data"][0]


def test_ids_cannot_break_out_of_their_string() -> None:
    hostile = '1","data":[],"x":"\\'
    assert json.loads(request_body(batch(Route("web", hostile))))["event_source_id"] == hostile
