"""What goes wrong on demand, over HTTP."""

import http.client
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector.errors import UsageError
from connector.simulator.fault_files import MAX_FILE_BYTES, build, parse, read
from connector.simulator.server import Simulator
from tests.simulator.client import Caller, Clock, body, event, web_body, web_event

Start = Callable[..., tuple[Simulator, Caller]]
GOOD = body(event())


def spoilt(start: Start, *faults: str) -> tuple[Simulator, Caller]:
    return start(faults=[parse(fault) for fault in faults])


@pytest.mark.parametrize(
    ("fault", "status", "code", "message"),
    [
        ("throttle", 401, 40100, "Too many requests. Please retry in some time."),
        ("throttle:status=200,message=App reaches the QPS limit.", 200, 40100, "App reaches the QPS limit."),
        ("throttle:code=40133", 200, 40133, "Too many requests. Please retry in some time."),
        ("error", 500, 50000, "System error"),
        ("error:code=51010,status=200", 200, 51010, "System error"),
        ("expired_token", 401, 40102, "Access token has expired."),
        ("revoked_token", 401, 40105, "Access token is incorrect or has been revoked."),
        ("code:code=40118,message=Not on the list.", 200, 40118, "Not on the list."),
    ],
)
def test_an_answer_of_another_code(start: Start, fault: str, status: int, code: int, message: str) -> None:
    simulator, caller = spoilt(start, fault)
    assert caller.send(GOOD) == (status, code, message)
    tally = simulator.tally
    assert (tally.received, tally.refusals, tally.faults) == (0, {str(code): 1}, {fault.partition(":")[0]: 1})


def test_other_endpoints_are_throttled_with_status_200(start: Start) -> None:
    caller = spoilt(start, "throttle:path=/user/info/")[1]
    assert caller.get("/user/info/")[:2] == (200, 40100)
    assert caller.send(GOOD)[1] == 0


def test_a_fault_may_concern_every_endpoint(start: Start) -> None:
    caller = spoilt(start, "error:path=*")[1]
    assert (caller.get("/user/info/").code, caller.send(GOOD)[1]) == (50000, 50000)


def test_a_gateways_page_is_no_envelope(start: Start) -> None:
    simulator, caller = spoilt(start, "html:times=1", "html:status=503,message=<b>busy</b>,times=1")
    assert caller.raw(json.dumps(GOOD).encode())[0] == 502
    assert caller.raw(json.dumps(GOOD).encode()) == (503, b"<b>busy</b>")
    assert simulator.tally.refusals == {"502": 1, "503": 1}


def test_a_lost_answer_was_to_a_request_that_was_carried_out(start: Start) -> None:
    simulator, caller = spoilt(start, "lost:times=1")
    with pytest.raises(http.client.RemoteDisconnected):
        caller.send(GOOD)
    assert caller.send(GOOD)[1] == 0
    assert (simulator.tally.distinct, simulator.tally.duplicates) == (1, 1)


def test_a_reset_connection_carries_nothing_out(start: Start) -> None:
    simulator, caller = spoilt(start, "reset:times=1")
    with pytest.raises(ConnectionResetError):
        caller.send(GOOD)
    assert simulator.tally.received == 0
    assert simulator.tally.refusals == {"reset": 1}
    caller.connection.close()
    assert caller.send(GOOD)[1] == 0


def test_a_slow_answer_comes_after_the_request_was_carried_out(start: Start) -> None:
    simulator, caller = spoilt(start, "slow:seconds=0.2,times=1")
    caller.connection.timeout = 0.05
    with pytest.raises(TimeoutError):
        caller.send(GOOD)
    assert simulator.tally.distinct == 1


def test_a_simulator_that_answers_slowly_stops_at_once(clock: Clock) -> None:
    started = time.monotonic()
    with Simulator(faults=[parse("slow:seconds=60")]) as simulator:
        caller = Caller(simulator.url)
        caller.connection.request("POST", "/open_api/v1.3/event/track/", b"{}")
        while not simulator.tally.requests:
            time.sleep(0.01)
    assert time.monotonic() - started < 30
    caller.connection.close()


def test_a_token_that_expired_stays_so_and_a_new_one_is_taken(start: Start) -> None:
    caller = spoilt(start, "expired_token:times=1")[1]
    assert [caller.send(GOOD, token=token)[1] for token in ("old", "old", "new")] == [40102, 40102, 0]


def test_a_token_that_was_revoked_stays_so(start: Start) -> None:
    caller = spoilt(start, "revoked_token:times=1")[1]
    assert [caller.send(GOOD, token=token)[1] for token in ("old", "old", "new")] == [40105, 40105, 0]


@pytest.mark.parametrize(
    ("fault", "refused"),
    [
        ("refuse:event_id=b", "data.1.event_id"),
        ("refuse:event_id=*c", "data.2.event_id"),
        ("refuse:event=Lead", "data.1.event"),
        ("refuse:field=properties.currency,value=GBP", "data.2.properties.currency"),
        ("refuse:field=properties.contents.0.brand", "data.1.properties.contents.0.brand"),
        ("refuse:event=Lead,event_id=c", None),
        ("refuse:share=0", None),
        ("refuse:share=1", "data.0.event_id"),
    ],
)
def test_events_are_refused_by_id_or_by_rule(start: Start, fault: str, refused: str | None) -> None:
    simulator, caller = spoilt(start, fault)
    events = (
        event(event_id="a"),
        event(event_id="b", event="Lead", properties={"contents": [{"brand": "x"}]}),
        event(event_id="c", properties={"currency": "GBP"}),
    )
    expected = (400, 40002, f"Invalid value for {refused}: the event is refused.") if refused else (200, 0, "OK")
    assert caller.send(body(*events)) == expected
    assert simulator.tally.received == (0 if refused else 3)
    assert caller.send(body(events[0]))[1] == (40002 if fault.endswith("share=1") else 0)


def test_a_refusal_may_have_another_code_and_message(start: Start) -> None:
    caller = spoilt(start, "refuse:event=Purchase,code=40000,status=200,message=No.")[1]
    assert caller.send(GOOD) == (200, 40000, "No.")


def test_a_share_of_the_events_is_always_the_same(start: Start) -> None:
    first, second = (spoilt(start, "refuse:share=0.3")[1] for _ in range(2))
    codes = [[caller.send(body(event(event_id=str(n))))[1] for n in range(100)] for caller in (first, second)]
    assert codes[0] == codes[1]
    assert 15 < codes[0].count(40002) < 45


def test_one_event_source_is_without_permission(start: Start) -> None:
    simulator, caller = spoilt(start, "no_permission:event_source_id=111")
    assert caller.send(GOOD)[1] == 0
    assert caller.send(body(event(), event_source_id="111")) == (
        200,
        40001,
        "No permission to operate event source: 111. You must be an admin or operator of this advertiser account.",
    )
    assert simulator.tally.faults == {"no_permission": 1}


def test_any_fault_may_concern_one_event_source(start: Start) -> None:
    simulator, caller = spoilt(start, "error:event_source_id=111")
    assert [caller.send(body(event(), event_source_id=one))[1] for one in ("111", "222")] == [50000, 0]
    assert simulator.tally.distinct == 1


def test_how_often_a_fault_strikes(start: Start) -> None:
    caller = spoilt(start, "error:skip=2,every=3,times=2")[1]
    codes = [caller.send(GOOD)[1] for _ in range(12)]
    assert [place for place, code in enumerate(codes) if code] == [2, 5]


def test_above_a_rate_requests_are_throttled_until_the_second_is_over(start: Start, clock: Clock) -> None:
    caller = spoilt(start, "throttle:rate=3")[1]
    assert [caller.send(GOOD)[1] for _ in range(5)] == [0, 0, 0, 40100, 40100]
    clock.seconds += 1
    assert caller.send(GOOD)[1] == 0


def test_the_first_fault_that_is_due_strikes(start: Start) -> None:
    caller = spoilt(start, "error:times=1", "throttle:times=1")[1]
    assert [caller.send(GOOD)[1] for _ in range(3)] == [50000, 40100, 0]


CODES = [
    20001, 40000, 40001, 40002, 40003, 40006, 40007, 40008, 40009, 40010, 40011, 40012, 40013, 40014, 40016, 40050,
    40051, 40061, 40062, 40063, 40100, 40101, 40102, 40103, 40104, 40105, 40106, 40107, 40108, 40110, 40113, 40115,
    40116, 40117, 40118, 40119, 40124, 40125, 40130, 40131, 40132, 40133, 40200, 40201, 40202, 40300, 40301, 40400,
    40700, 40900, 40905, 40906, 40907, 40908, 40909, 40910, 40914, 40915, 41000, 41001, 41002, 50000, 50002, 51000,
    51003, 51010, 51012, 51021, 51063, 51305, 52000, 60001, 61000,
]  # fmt: skip
STATUSES = {40002: 400, 40062: 400, 40100: 401, 40102: 401, 40104: 401, 40105: 401}


def test_every_code_of_tiktoks_list_can_be_had(start: Start) -> None:
    caller = spoilt(start, *(f"code:code={code},times=1" for code in CODES))[1]
    answers = [caller.send(GOOD)[:2] for _ in CODES]
    assert answers == [(STATUSES.get(code, 200), code) for code in CODES]


def test_a_fault_looks_at_web_events_too(start: Start) -> None:
    caller = spoilt(start, "refuse:field=page.url,value=https://shop.example/")[1]
    assert caller.send(web_body(web_event()))[1] == 40002


@pytest.mark.parametrize(
    "text", ["- lost:times=2\n- {kind: slow, seconds: 0.5}", '["lost:times=2", {"kind": "slow", "seconds": 0.5}]']
)
def test_faults_are_read_from_yaml_and_json(tmp_path: Path, text: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(text)
    assert read(file) == [parse("lost:times=2"), parse("slow:seconds=0.5")]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("meteor", "Unknown fault 'meteor': use one of throttle, "),
        ("lost:often=2", "Unknown field 'often' of a fault: use one of path, "),
        ("lost:times=two", "times is a number, not 'two'."),
        ("lost:times=-1", "skip and times are at least 0, seconds from 0 to 86400"),
        ("error:every=0", "every is at least 1"),
        ("error:status=99", "status is an HTTP status from 200 to 599, not 99."),
        ("refuse", "refuse needs an event_id, an event, a field or a share."),
        ("refuse:share=2", "share is from 0 to 1, not 2.0."),
        ("refuse:event=Lead,value=5", "value needs a field."),
        ("no_permission", "no_permission needs an event_source_id."),
        (5, "A fault is text such as 'lost:times=1' or an object."),
        ({"times": 1}, "Unknown fault 'None'"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_one_sentence(given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        build(given)


@pytest.mark.parametrize(
    ("text", "message"), [("{", "neither YAML nor JSON"), ("kind: lost", "write a list of faults")]
)
def test_a_file_that_holds_no_faults_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        read(file)


def test_a_file_of_faults_that_is_too_large_is_said_to_be(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("- lost\n" + "#" * MAX_FILE_BYTES)
    with pytest.raises(UsageError, match="larger than 1 MiB"):
        read(file)


def test_a_file_of_faults_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read(tmp_path / "faults.yaml")
