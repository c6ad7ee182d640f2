"""One test event, shaped as its event source wants it, about nobody."""

import json
from datetime import datetime
from hashlib import sha256
from secrets import token_hex
from typing import Any

from connector.core.route import Route
from connector.delivery.batch import Batch

NOBODY = "connector-test@example.com"
"""The domain is reserved for examples, so this is nobody's address."""


def trial_batch(route: Route, event_name: str, now: datetime) -> Batch:
    """A batch of one event with an id that no other has."""
    event: dict[str, Any] = {
        "event": event_name,
        "event_time": int(now.timestamp()),
        "event_id": f"connector-test-{token_hex(8)}",
        "user": {"email": sha256(NOBODY.encode()).hexdigest()},
        "properties": {"currency": "USD", "value": 1},
    }
    if route.resource_type == "web":
        event["page"] = {"url": "https://example.com/"}
    return Batch(0, route, 1, 1, json.dumps(event, separators=(",", ":")).encode())
