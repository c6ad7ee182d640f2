"""Build the body of an `/event/track/` request around events that are already JSON."""

import json

from connector.delivery.batch import Batch


def request_body(batch: Batch, test_event_code: str | None = None) -> bytes:
    """Return the batch's events in their envelope; the payload is inserted, never encoded again.

    `test_event_code` is at the root, beside `event_source` (TikTok's "verify setup" page; agreed
    by several sources).
    """
    root = {"event_source": batch.route.resource_type, "event_source_id": batch.route.resource_id}
    if test_event_code is not None:
        root["test_event_code"] = test_event_code
    head = json.dumps(root, ensure_ascii=False, separators=(",", ":"))[:-1]
    return b"".join((head.encode(), b',"data":[', batch.payload, b"]}"))
