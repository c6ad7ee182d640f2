"""List, create and change the pixels and offline event sets of an ad account (agreed by several sources)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.destinations.tiktok.account import AccountClient, Value, created_id
from connector.destinations.tiktok.redact import redact
from connector.errors import AccountRefused, AccountUnreachable

LONGEST_PIXEL_PAGE = "20"


@dataclass(frozen=True, slots=True)
class Pixel:
    """A pixel; events are sent to its code, not to its number."""

    code: str
    pixel_id: str
    name: str

    def __str__(self) -> str:
        return f"{self.code} ({redact(self.name)})"


@dataclass(frozen=True, slots=True)
class EventSet:
    """An offline event set."""

    event_set_id: str
    name: str
    auto_tracking: bool

    def __str__(self) -> str:
        return f"{self.event_set_id} ({redact(self.name)})"


class EventSources:
    """The event sources of one ad account. Every call raises as `AccountClient` does."""

    def __init__(self, account: AccountClient, advertiser_id: str) -> None:
        self.advertiser_id = advertiser_id
        self._account, self._advertiser = account, {"advertiser_id": advertiser_id}

    def pixels(self, **filters: str) -> list[Pixel]:
        """Return the first pixels with this `code` or `pixel_id`; without either, the first of all."""
        asked = {**self._advertiser, "page_size": LONGEST_PIXEL_PAGE, **filters}
        listed = _listed(self._account.get("/pixel/list/", asked), "pixels")
        found = [
            Pixel(*(str(one.get(key) or "") for key in ("pixel_code", "pixel_id", "pixel_name"))) for one in listed
        ]
        wanted = {"code": filters.get("code"), "pixel_id": filters.get("pixel_id")}
        return [one for one in found if all(value in {None, getattr(one, key)} for key, value in wanted.items())]

    def event_sets(self, *, event_set_id: str | None = None, name: str | None = None) -> list[EventSet]:
        """Return the event sets with this id or exactly this name; without either, all."""
        asked: dict[str, Value] = dict(self._advertiser)
        if event_set_id is not None:
            asked["event_set_ids"] = [event_set_id]
        if name is not None:
            asked["name"] = name
        found = [_event_set(one) for one in _listed(self._account.get("/offline/get/", asked), "event_set_list")]
        # That TikTok compares names exactly is not documented.
        return [one for one in found if name in {None, one.name} and event_set_id in {None, one.event_set_id}]

    def create(self, name: str, *, auto_tracking: bool) -> EventSet:
        """Create an event set. If the answer is lost, return the one with this name, if there is exactly one."""
        # The official SDK requires a description, other sources do not.
        given = {"name": name, "description": f"{name}, sent by connector", "auto_tracking": auto_tracking}
        try:
            created = self._account.post("/offline/create/", {**self._advertiser, **given}, once=True)
        except AccountUnreachable as error:
            there = self.event_sets(name=name) if error.answer_lost else []
            if len(there) != 1:
                raise
            return there[0]
        return EventSet(created_id(created, "event_set_id"), name, auto_tracking)

    def switch(self, event_set_id: str, *, auto_tracking: bool) -> None:
        """Turn auto_tracking of an event set on or off."""
        self._account.post(
            "/offline/update/", {**self._advertiser, "event_set_id": event_set_id, "auto_tracking": auto_tracking}
        )


def _event_set(one: Mapping[str, Any]) -> EventSet:
    return EventSet(str(one.get("event_set_id")), str(one.get("name") or ""), one.get("auto_tracking") is True)


def _listed(data: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return a list of an answer; null is an empty list. Raises AccountRefused if the answer lacks the list."""
    if key not in data:
        raise AccountRefused(f"TikTok's answer has no {key}, so that nothing is known of them.")
    listed = data[key]
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
