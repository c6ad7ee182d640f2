"""Batches to the simulator over real HTTP: delivery, client and answers together."""

import json
import threading

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer

from connector.core.route import Route
from connector.delivery.batch import Batch, BatchState
from connector.delivery.limiter import AdaptiveLimiter
from connector.delivery.retry_policy import RetryPolicy
from connector.delivery.sender import deliver
from connector.destinations.tiktok.client import EVENT_TRACK, EventsClient
from connector.destinations.tiktok.tokens import FixedToken
from connector.errors import ResumableError
from connector.simulator.server import Simulator
from tests.delivery.world import Clock, MemoryLedger

ROUTE = Route("offline", "7654321098765432109")
EAGER = RetryPolicy(first_wait=0.0, longest_wait=0.0)


def batch(number: int, size: int, *bad: int) -> Batch:
    events = [
        {"event": "Purchase", "event_time": 1_790_000_000, "event_id": at if at in bad else f"{number}-{at}"}
        for at in range(size)
    ]
    return Batch(number, ROUTE, size, size, ",".join(map(json.dumps, events)).encode())


def send(url: str, *batches: Batch, max_in_flight: int = 4) -> MemoryLedger:
    ledger, clock = MemoryLedger(), Clock()
    with EventsClient(url, FixedToken(SecretStr("token")), connections=max_in_flight) as client:
        deliver(
            batches,
            client.attempt,
            policy=EAGER,
            limiter=AdaptiveLimiter(100_000, clock),
            max_in_flight=max_in_flight,
            record=ledger,
            stop=threading.Event(),
            timing=clock.timing,
        )
    return ledger


def test_every_event_arrives_once_over_no_more_connections_than_requests_in_flight() -> None:
    with Simulator() as simulator:
        ledger = send(simulator.url, *(batch(number, 100) for number in range(40)))
    tally = simulator.tally
    assert (tally.requests, tally.distinct, tally.duplicates) == (40, 4000, 0)
    assert tally.connections <= 4
    assert set(ledger.states().values()) == {BatchState.DELIVERED}


@pytest.mark.parametrize("bad", [(0,), (999,), (17, 18, 500)])
def test_the_good_events_of_a_refused_batch_arrive(bad: tuple[int, ...]) -> None:
    with Simulator() as simulator:
        ledger = send(simulator.url, batch(0, 1000, *bad))
    assert simulator.tally.distinct == 1000 - len(bad)
    refused = [(part.offset, part.events) for part, state, _ in ledger.outcomes if state is BatchState.REFUSED]
    assert sorted(refused) == [(at, 1) for at in bad]


def test_an_event_source_that_tiktok_does_not_know_stops_the_run_after_one_request() -> None:
    wrong = Batch(0, Route("offline", "C4ABCDEFGHIJKLMNOPQR"), 1, 1, batch(0, 1).payload)
    with Simulator() as simulator, pytest.raises(ResumableError, match="event_source_id"):
        send(simulator.url, *[wrong] * 50, max_in_flight=1)
    assert simulator.tally.requests == 1


@pytest.mark.parametrize(
    ("status", "envelope"),
    [
        (401, {"code": 40100, "message": "Too many requests. Please retry in some time."}),
        (200, {"code": 40100, "message": "App reaches the QPS limit."}),
        (200, {"code": 50000, "message": "System error"}),
        (502, None),
    ],
)
def test_what_can_be_retried_is_retried(
    httpserver: HTTPServer, status: int, envelope: dict[str, object] | None
) -> None:
    for _ in range(3):
        httpserver.expect_ordered_request(EVENT_TRACK).respond_with_data(
            json.dumps(envelope) if envelope else "<html>502</html>", status
        )
    httpserver.expect_ordered_request(EVENT_TRACK).respond_with_json({"code": 0, "message": "OK"})
    ledger = send(httpserver.url_for(""), batch(0, 3), max_in_flight=1)
    assert ledger.states() == {0: BatchState.DELIVERED}
    assert ledger.attempts == [1, 2, 3, 4]


@pytest.mark.parametrize("code", [40001, 40102, 40105])
def test_a_token_that_does_not_serve_stops_the_run_with_what_to_do(httpserver: HTTPServer, code: int) -> None:
    httpserver.expect_request(EVENT_TRACK).respond_with_json({"code": code, "message": "No."}, status=401)
    with pytest.raises(ResumableError, match=f"token .*code {code}"):
        send(httpserver.url_for(""), *(batch(number, 3) for number in range(50)), max_in_flight=1)
    assert len(httpserver.log) == 1


@pytest.mark.parametrize("bad", [(0,), (999,), (17, 500)])
def test_an_event_that_may_not_leave_is_put_aside_and_the_others_arrive(bad: tuple[int, ...]) -> None:
    events = [
        {
            "event": "Purchase",
            "event_time": 1_790_000_000,
            "event_id": str(at),
            "properties": {"note": "ask" + " jo@example.com" * (at in bad)},
        }
        for at in range(1_000)
    ]
    payload = ",".join(json.dumps(one, separators=(",", ":")) for one in events).encode()
    with Simulator() as simulator:
        ledger = send(simulator.url, Batch(0, ROUTE, 1_000, 1_000, payload))
    assert simulator.tally.distinct == 1_000 - len(bad)
    refused = [(part.offset, part.events) for part, state, _ in ledger.outcomes if state is BatchState.REFUSED]
    assert sorted(refused) == [(at, 1) for at in bad]
