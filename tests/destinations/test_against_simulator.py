"""Delivery and client against the simulator, with every fault that it has."""

import json
import threading
from dataclasses import replace

import pytest
from pydantic import SecretStr

from connector.core.route import Route
from connector.delivery.answer import Verdict
from connector.delivery.batch import Batch, BatchState
from connector.delivery.limiter import AdaptiveLimiter
from connector.delivery.retry_policy import RetryPolicy
from connector.delivery.sender import deliver
from connector.destinations.tiktok.client import EventsClient
from connector.destinations.tiktok.codes import RULES, rule_for_code
from connector.destinations.tiktok.tokens import FixedToken
from connector.errors import ResumableError
from connector.simulator.fault_effects import KINDS
from connector.simulator.fault_files import parse
from connector.simulator.server import Simulator
from connector.simulator.strictness import parse_strictness
from tests.delivery.world import Clock, MemoryLedger

ROUTE = Route("offline", "7654321098765432109")
EAGER = RetryPolicy(first_wait=0.0, longest_wait=0.0)
EVENTS, BATCHES = 20, 10


def batch(number: int) -> Batch:
    events = [{"event": "Purchase", "event_time": 1_790_000_000, "event_id": f"{number}-{at}"} for at in range(EVENTS)]
    return Batch(number, ROUTE, EVENTS, EVENTS, ",".join(map(json.dumps, events)).encode())


def send(simulator: Simulator, *, timeout: float = 60.0, policy: RetryPolicy = EAGER) -> MemoryLedger:
    ledger, clock = MemoryLedger(), Clock()
    with EventsClient(simulator.url, FixedToken(SecretStr("token")), connections=4, timeout=timeout) as client:
        deliver(
            [batch(number) for number in range(BATCHES)],
            client.attempt,
            policy=policy,
            limiter=AdaptiveLimiter(100_000, clock),
            max_in_flight=4,
            record=ledger,
            stop=threading.Event(),
            timing=clock.timing,
        )
    return ledger


def verdicts(ledger: MemoryLedger) -> set[str]:
    return {what for what, _ in ledger.log} - {"sending"}


PASSING = {
    "throttle:every=2,times=5": Verdict.THROTTLED,
    "throttle:every=2,times=5,status=200,message=App reaches the QPS limit.": Verdict.THROTTLED,
    "throttle:every=2,times=5,code=40133": Verdict.THROTTLED,
    "error:every=2,times=5": Verdict.RETRY,
    "error:every=2,times=5,status=200,code=51010": Verdict.RETRY,
    "html:every=2,times=5": Verdict.RETRY,
    "html:every=2,times=5,status=503": Verdict.RETRY,
    "lost:every=2,times=5": Verdict.UNKNOWN,
    "reset:every=2,times=5": Verdict.UNKNOWN,
    "slow:every=2,times=5,seconds=0.01": Verdict.ACCEPTED,
}
"""What passes, and how the client takes it meanwhile."""

STOPPING = {
    "expired_token": "access token has expired",
    "revoked_token": "access token is wrong or was revoked",
    "no_permission:event_source_id=7654321098765432109": "may not write to this event source",
    "code:code=40118,message=No.": "only to listed apps",
}

REFUSING = {
    "refuse:event_id=3-7": 1,
    "refuse:event_id=*-7": BATCHES,
    "refuse:field=event_id,value=0-0": 1,
}


def test_every_fault_is_tried_here() -> None:
    tried = {fault.partition(":")[0] for fault in (*PASSING, *STOPPING, *REFUSING)}
    assert tried == set(KINDS)


@pytest.mark.parametrize(("fault", "verdict"), PASSING.items())
def test_what_passes_leaves_every_event_delivered_and_counted_once(fault: str, verdict: Verdict) -> None:
    with Simulator(faults=[parse(fault)]) as simulator:
        ledger = send(simulator)
    assert ledger.states() == dict.fromkeys(range(BATCHES), BatchState.DELIVERED)
    assert simulator.tally.distinct == BATCHES * EVENTS
    assert simulator.tally.faults.total() == 5
    assert verdicts(ledger) == {verdict, Verdict.ACCEPTED}


def test_an_answer_that_comes_too_late_is_asked_for_again_and_counts_once() -> None:
    with Simulator(faults=[parse("slow:seconds=5,times=2")]) as simulator:
        ledger = send(simulator, timeout=0.5)
    assert ledger.states() == dict.fromkeys(range(BATCHES), BatchState.DELIVERED)
    tally = simulator.tally
    assert (tally.distinct, tally.duplicates) == (BATCHES * EVENTS, 2 * EVENTS)


@pytest.mark.parametrize(("fault", "message"), STOPPING.items())
def test_what_would_be_the_same_for_every_batch_stops_with_what_to_do(fault: str, message: str) -> None:
    with Simulator(faults=[parse(fault)]) as simulator, pytest.raises(ResumableError, match=message):
        send(simulator)
    assert simulator.tally.requests <= 4
    assert simulator.tally.received == 0


@pytest.mark.parametrize(("fault", "refused"), REFUSING.items())
def test_refused_events_are_found_and_the_others_delivered(fault: str, refused: int) -> None:
    with Simulator(faults=[parse(fault)]) as simulator:
        ledger = send(simulator)
    found = [part for part, state, _ in ledger.outcomes if state is BatchState.REFUSED]
    assert [part.events for part in found] == [1] * refused
    assert simulator.tally.distinct == BATCHES * EVENTS - refused


def test_everything_at_once_still_loses_nothing_and_counts_nothing_twice() -> None:
    faults = [parse(fault) for fault in (*PASSING, "refuse:event_id=3-7")]
    with Simulator(faults=faults) as simulator:
        ledger = send(simulator, policy=replace(EAGER, max_attempts=100))
    states = [(part.number, state) for part, state, _ in ledger.outcomes]
    assert {state for number, state in states if number != 3} == {BatchState.DELIVERED}
    assert simulator.tally.distinct == BATCHES * EVENTS - 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tokens": ["other"]}, "access token is wrong or was revoked"),
        ({"event_sources": ["111"]}, "may not write to this event source"),
    ],
)
def test_a_token_or_event_source_that_there_is_not_stops_the_run(settings: dict[str, list[str]], message: str) -> None:
    with Simulator(**settings) as simulator, pytest.raises(ResumableError, match=message):  # type: ignore[arg-type]
        send(simulator)
    assert simulator.tally.received == 0


def test_the_client_makes_of_every_code_what_its_table_says() -> None:
    codes = sorted({*RULES, 50000, 50002, 51000, 51305, 52000, 60001} - {0})
    faults = [parse(f"code:code={code},times=1") for code in codes]
    with Simulator(faults=faults) as simulator, EventsClient(simulator.url, FixedToken(SecretStr("token"))) as client:
        answers = [client.attempt(batch(0)) for _ in codes]
    assert [(answer.code, answer.verdict) for answer in answers] == [
        (code, rule_for_code(code).verdict) for code in codes
    ]


def test_no_answer_of_the_client_repeats_what_the_simulator_echoes() -> None:
    answers: list[str] = []
    with Simulator(strictness=parse_strictness(["echo=yes"])) as simulator:
        with EventsClient(simulator.url, FixedToken(SecretStr("token"))) as client:
            payload = b'{"event":"Purchase","event_time":1790000000,"user":{"email":["jane@example.com",5,{}]}}'
            answers.append(client.attempt(Batch(0, ROUTE, 1, 1, payload)).message)
            payload = b'{"event":"jane@example.com","event_time":1790000000}'
            answers.append(client.attempt(Batch(0, ROUTE, 1, 1, payload)).message)
    assert not [one for one in answers if "jane" in one]
