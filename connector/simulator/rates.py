"""How many requests a second TikTok takes (agreed by several sources; for segments one good source)."""

from connector.simulator.messages import Refused
from connector.simulator.paths import API

EVENTS, SEGMENTS, OTHERS = 1_000, 10_000, 10
"""Requests a second at the lowest tier, each endpoint by itself. Minute and day windows are not modelled."""
TOO_MANY = "Too many requests. Please retry in some time."


class Rates:
    """Counts the requests of the current second by endpoint. Not thread-safe."""

    def __init__(self) -> None:
        self._second = 0
        self._counts: dict[str, int] = {}

    def count(self, path: str, now: float) -> None:
        """One more request. Raises Refused with 40100 when there are too many."""
        if int(now) != self._second:
            self._second, self._counts = int(now), {}
        requests = self._counts[path] = self._counts.get(path, 0) + 1
        if requests > most(path):
            raise Refused(40100, TOO_MANY)


def most(path: str) -> int:
    """Requests a second that an endpoint takes."""
    inside = path.removeprefix(API)
    if inside == "/event/track/":
        return EVENTS
    return SEGMENTS if inside.startswith("/segment/") else OTHERS
