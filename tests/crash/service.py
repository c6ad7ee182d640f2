"""What stands in for TikTok: it keeps what it took, under the request id that it answered with."""

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.cli.tiktok import OK, Reply, TikTok, serving

NUMBERS = itertools.count(1)
"""No two answers of this process have the same."""

REFUSED = Reply(40002, "Invalid value for event_id: not a valid string.", 400)


@dataclass(frozen=True)
class Taken:
    """A request that was accepted, whether or not anybody heard of it."""

    request_id: str
    body: dict[str, Any]

    @property
    def ids(self) -> list[str]:
        """The ids of its events, in order."""
        return [event["event_id"] for event in self.body["data"]]


@dataclass
class Service:
    """Takes every request but those with a poisoned event; asked from several threads."""

    poisoned: frozenset[str] = frozenset()
    taken: list[Taken] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, body: dict[str, Any]) -> Reply:
        """What is answered to a request, under an id that no other answer has."""
        with self.lock:
            request_id = f"R{next(NUMBERS)}"
            reply = self.decide(body)
            if reply.code == 0:
                self.taken.append(Taken(request_id, body))
        return replace(reply, request_id=request_id)

    def decide(self, body: dict[str, Any]) -> Reply:
        """Refuses a request for one poisoned event."""
        return REFUSED if any(event["event_id"] in self.poisoned for event in body["data"]) else OK

    @property
    def events(self) -> Counter[str]:
        """How often each event was taken, by its id."""
        return Counter(event_id for taken in self.taken for event_id in taken.ids)


@dataclass
class Place:
    """An address at which one service after the other answers."""

    tiktok: TikTok
    service: Service = field(default_factory=Service)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.tiktok.url

    def begin(self, poisoned: frozenset[str], taken: list[Taken]) -> Service:
        """A new service that has taken this much before."""
        self.tiktok.requests.clear()
        self.service = Service(poisoned, list(taken))
        return self.service


@contextmanager
def listening() -> Iterator[Place]:
    """A server on a free port of this machine, for as many services as are wanted, one at a time."""
    with serving() as tiktok:
        place = Place(tiktok)
        tiktok.answer = lambda body: place.service.answer(body)
        yield place
