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
class Gated(Service):
    """Takes so many requests; the others wait until the gate is open, and are then answered with `then`, if any."""

    at_once: int = 0
    then: Reply | None = None
    waiting: threading.Event = field(default_factory=threading.Event)
    gate: threading.Event = field(default_factory=threading.Event)

    def answer(self, body: dict[str, Any]) -> Reply:
        """Keeps a request waiting."""
        with self.lock:
            self.at_once -= 1
            waits = self.at_once < 0
        if waits:
            self.waiting.set()
            assert self.gate.wait(60)
        return self.then if waits and self.then else super().answer(body)


@dataclass
class Place:
    """An address at which one service after the other answers."""

    tiktok: TikTok
    service: Service = field(default_factory=Service)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.tiktok.url

    def begin(self, service: Service) -> None:
        """From now on it is this service that answers."""
        self.tiktok.requests.clear()
        self.service = service


@contextmanager
def listening(port: int = 0) -> Iterator[Place]:
    """A server on this machine, at a free port unless one is named, for one service after the other."""
    with serving(port=port) as tiktok:
        place = Place(tiktok)
        tiktok.answer = lambda body: place.service.answer(body)
        yield place
