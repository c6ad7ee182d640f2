"""Statistics of the requests of a run."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from connector.ledger.batch_records import RequestRecord
from connector.ledger.database import Database
from connector.ledger.tables import requests

SLOWEST = 3
"""The number of slowest requests in a summary."""
STEPS = 48
"""The most intervals of equal length into which the time of sending is divided."""


@dataclass(frozen=True, slots=True)
class Step:
    """An interval of the time of sending."""

    at: float
    """Its start in Unix seconds."""
    seconds: float
    """Its length."""
    events: int
    """The events that were accepted in it."""
    answers: int
    """The answers that arrived in it."""
    throttled: int
    """The number of throttled requests."""
    others: int
    """The number of requests that were neither accepted nor throttled."""


@dataclass(frozen=True, slots=True)
class RequestSummary:
    """Counts and durations of the requests of a run."""

    verdicts: dict[str, int]
    """The number of requests by verdict."""
    retried: int
    """The number of requests that repeated an earlier one."""
    median: float
    """The median duration in seconds."""
    ninety_five: float
    """The 95th percentile of the durations in seconds."""
    slowest: list[RequestRecord]
    """The slowest requests, the slowest first."""
    steps: list[Step]
    """The intervals from the first answer to the last."""

    @property
    def sent(self) -> int:
        """The number of requests."""
        return sum(self.verdicts.values())


class Requests:
    """Reads statistics. The database counts, so memory does not grow with the number of requests."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def summary(self, run_id: str) -> RequestSummary:
        """Return the statistics of the requests of a run."""
        with self._database.reading() as connection:
            by_verdict = select(requests.c.verdict, func.count()).where(requests.c.run_id == run_id)
            rows = connection.execute(by_verdict.group_by(requests.c.verdict).order_by(requests.c.verdict))
            verdicts = {verdict: int(count) for verdict, count in rows}
            count = sum(verdicts.values())
            retried = select(func.count()).where(requests.c.run_id == run_id, requests.c.attempt > 1)
            return RequestSummary(
                verdicts=verdicts,
                retried=int(connection.execute(retried).scalar_one()),
                median=_duration_at(connection, run_id, count // 2),
                ninety_five=_duration_at(connection, run_id, count * 95 // 100),
                slowest=_slowest(connection, run_id),
                steps=_steps(connection, run_id) if count else [],
            )


def _duration_at(connection: Connection, run_id: str, rank: int) -> float:
    query = select(requests.c.seconds).where(requests.c.run_id == run_id)
    seconds = connection.execute(query.order_by(requests.c.seconds).limit(1).offset(rank)).scalar()
    return float(seconds or 0.0)


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
    for answered_at, verdict, accepted in _answers(connection, run_id):
        step = min(int((_seconds(answered_at) - start) / length), steps - 1)
        answers[step] += 1
        if verdict == "accepted":
            events[step] += accepted
        else:
            (throttled if verdict == "throttled" else others)[step] += 1
    return [
        Step(start + step * length, length, events[step], answers[step], throttled[step], others[step])
        for step in range(steps)
    ]


def _answers(connection: Connection, run_id: str) -> Iterator[tuple[str, str, int]]:
    query = select(requests.c.answered_at, requests.c.verdict, requests.c.events).where(requests.c.run_id == run_id)
    for row in connection.execution_options(yield_per=5_000).execute(query):
        yield row.answered_at, row.verdict, row.events


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
