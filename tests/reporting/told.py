"""A run's figures, counted anew from what TikTok was sent: bodies as they came, event by event."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.cli.tiktok import TikTok

PLACES = {
    "email": "email",
    "phone": "phone",
    "external_id": "external_id",
    "tiktok_click_id": "ttclid",
    "cookie_id": "ttp",
    "ip": "ip",
}
"""By parameter, its member of `user` on TikTok's page."""


def taken(tiktok: TikTok) -> list[dict[str, Any]]:
    """The events that were accepted, their numbers as they stand."""
    bodies = [json.loads(one.raw, parse_float=Decimal) for one in tiktok.requests if one.code == 0]
    return [event for body in bodies for event in body["data"]]


def coverage(events: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many events have each of the identifiers."""
    return dict(Counter(name for event in events for name, key in PLACES.items() if event["user"].get(key)))


def values(events: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], tuple[int, Decimal | None]]:
    """By currency and day in UTC: how many events, and the exact sum of their values, None where none has one."""
    found: dict[tuple[str, str], tuple[int, Decimal | None]] = {}
    for event in events:
        day = datetime.fromtimestamp(event["event_time"], UTC).date().isoformat()
        key = event["properties"]["currency"], day
        count, total = found.get(key, (0, None))
        value = event["properties"].get("value")
        found[key] = count + 1, total if value is None else (total or Decimal(0)) + Decimal(value)
    return found


def shown(insight: Mapping[str, Any]) -> dict[tuple[str, str], tuple[int, Decimal | None]]:
    """The same as `runs show --json` tells it."""
    return {
        (one["currency"], one["day"]): (one["events"], None if one["value"] is None else Decimal(one["value"]))
        for one in insight["value"]
    }
