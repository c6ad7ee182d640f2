"""What the requests of a run come to."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from connector.ledger.database import Database
from connector.ledger.records import RequestRecord
from connector.ledger.tables import requests

SLOWEST = 3
STEPS = 48
"""Into how many steps of equal length the time of sending is divided, at most."""


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of the time of sending: when it begins (UTC, Unix seconds), what was taken in it, and what was not."""

    at: float
    seconds: float
    events: int
    answers: int
    throttled: int
    others: int


@dataclass(frozen=True, slots=True)
class RequestSummary:
    """How many requests there were by verdict, how many repeated an earlier one, and how long answers took (seconds).

    `steps` are those of the time from the first answer to the last.
    """

    verdicts: dict[str, int]
    retried: int
    median: float
    ninety_five: float
    slowest: list[RequestRecord]
    steps: list[Step]

    @property
    def sent(self) -> int:
        """All requests."""
        return sum(self.verdicts.values())


class Requests:
    """Counted by the database; memory does not grow with the number of requests."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def summary(self, run_id: str) -> RequestSummary:
        """What the requests of a run come to."""
        with self._database.reading() as connection:
            by_verdict = select(requests.c.verdict, func.count()).where(requests.c.run_id == run_id)
            rows = connection.execute(by_verdict.group_by(requests.c.verdict).order_by(requests.c.verdict))
            verdicts = {verdict: int(count) for verdict, count in rows}
            count = sum(verdicts.values())
            again = select(func.count()).where(requests.c.run_id == run_id, requests.c.attempt > 1)
            return RequestSummary(
                verdicts=verdicts,
                retried=int(connection.execute(again).scalar_one()),
                median=_at_place(connection, run_id, count // 2),
                ninety_five=_at_place(connection, run_id, count * 95 // 100),
                slowest=_slowest(connection, run_id),
                steps=_steps(connection, run_id) if count else [],
            )


def _at_place(connection: Connection, run_id: str, place: int) -> float:
    query = select(requests.c.seconds).where(requests.c.run_id == run_id)
    found = connection.execute(query.order_by(requests.c.seconds).limit(1).offset(place)).scalar()
    return float(found or 0.0)


def _slowest(connection: Connection, run_id: str) -> list[RequestRecord]:
    query = select(*(requests.c[name] for name in RequestRecord.__slots__)).where(requests.c.run_id == run_id)
    rows = connection.execute(query.order_by(requests.c.seconds.desc(), requests.c.id).limit(SLOWEST))
    return [RequestRecord(*row) for row in rows]


def _steps(connection: Connection, run_id: str) -> list[Step]:
    ends = select(func.min(requests.c.answered_at), func.max(requests.c.answered_at), func.count())
    first, last, count = connection.execute(ends.where(requests.c.run_id == run_id)).one()
    start = _seconds(first)
    steps = max(1, min(STEPS, count))
    length = max(_seconds(last) - start, 0.001) / steps
    events, answers = Counter[int](), Counter[int]()
    throttled, others = Counter[int](), Counter[int]()
    for answered_at, verdict, taken in _answers(connection, run_id):
        place = min(int((_seconds(answered_at) - start) / length), steps - 1)
        answers[place] += 1
        if verdict == "accepted":
            events[place] += taken
        else:
            (throttled if verdict == "throttled" else others)[place] += 1
    return [
        Step(start + place * length, length, events[place], answers[place], throttled[place], others[place])
        for place in range(steps)
    ]


def _answers(connection: Connection, run_id: str) -> Iterator[tuple[str, str, int]]:
    query = select(requests.c.answered_at, requests.c.verdict, requests.c.events).where(requests.c.run_id == run_id)
    for row in connection.execution_options(yield_per=5_000).execute(query):
        yield row.answered_at, row.verdict, row.events


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
