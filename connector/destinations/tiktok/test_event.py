"""Build a test event about a fictitious person."""

import json
from datetime import datetime
from hashlib import sha256
from secrets import token_hex
from typing import Any

from connector.core.route import Route
from connector.delivery.batch import Batch

TEST_EMAIL = "connector-test@example.com"
"""The domain is reserved for examples, so the address belongs to nobody."""


def test_event_batch(route: Route, event_name: str, now: datetime) -> Batch:
    """Return a batch of one event with a random id."""
    event: dict[str, Any] = {
        "event": event_name,
        "event_time": int(now.timestamp()),
        "event_id": f"connector-test-{token_hex(8)}",
        "user": {"email": sha256(TEST_EMAIL.encode()).hexdigest()},
        "properties": {"currency": "USD", "value": 1},
    }
    if route.resource_type == "web":
        event["page"] = {"url": "https://example.com/"}
    return Batch(0, route, 1, 1, json.dumps(event, separators=(",", ":")).encode())
