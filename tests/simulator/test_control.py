"""What can be asked of the simulator while it runs, and what it records."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector.simulator.recording import Recording
from connector.simulator.server import Simulator
from tests.simulator.client import ADVERTISER, HASH, NOW, Caller, body, event

Start = Callable[..., tuple[Simulator, Caller]]


def test_faults_come_and_go_while_it_runs(caller: Caller) -> None:
    assert caller.control("GET", "faults") == []
    caller.control("POST", "faults", "error:times=1")
    caller.control("POST", "faults", [{"kind": "throttle", "times": 1}, "html"])
    assert [one["kind"] for one in caller.control("GET", "faults")] == ["error", "throttle", "html"]
    assert [caller.send(body(event()))[1] for _ in range(2)] == [50000, 40100]
    assert [one["kind"] for one in caller.control("GET", "faults")] == ["html"]
    caller.control("DELETE", "faults")
    assert caller.send(body(event()))[1] == 0


def test_the_counts_can_be_asked_for_and_forgotten(caller: Caller) -> None:
    caller.send(body(event(), event()))
    tally = caller.control("GET", "tally")
    assert (tally["requests"], tally["distinct"], tally["duplicates"], tally["connections"]) == (1, 1, 1, 1)
    caller.control("POST", "forget")
    caller.send(body(event()))
    assert caller.control("GET", "tally")["duplicates"] == 0


def test_asking_is_not_counted(caller: Caller) -> None:
    caller.control("GET", "tally")
    assert caller.control("GET", "tally")["requests"] == 0


def test_its_clock_can_be_put_forward(caller: Caller) -> None:
    caller.send(body(event()))
    assert caller.control("POST", "clock", {"advance": 48 * 3600}) == {"now": NOW + 48 * 3600}
    caller.send(body(event()))
    assert caller.control("GET", "tally")["distinct"] == 2


def test_event_sources_can_be_listed(caller: Caller) -> None:
    caller.control("POST", "event_sources", {"event_source_ids": ["111"]})
    assert [caller.send(body(event(), event_source_id=one))[1] for one in ("111", ADVERTISER)] == [0, 40001]


@pytest.mark.parametrize(
    ("command", "given"),
    [
        ("faults", "meteor"),
        ("faults", 5),
        ("tokens", {}),
        ("tokens", [1]),
        ("tokens", {"token": 5}),
        ("tokens", {"token": "t", "expires_in": "soon"}),
        ("tokens", {"token": "t", "scopes": 5}),
        ("event_sources", {"event_source_ids": 5}),
        ("clock", {"advance": []}),
        ("audiences/busy", {"audience_id": "1"}),
    ],
)
def test_what_cannot_be_done_is_answered_with_400_and_a_sentence(caller: Caller, command: str, given: Any) -> None:
    status, said = caller.raw(json.dumps(given).encode(), path=f"/_simulator/{command}")
    assert status == 400
    assert json.loads(said)["error"].endswith(".")


@pytest.mark.parametrize(("method", "command"), [("GET", "nothing"), ("POST", "tally"), ("DELETE", "tokens")])
def test_a_command_that_there_is_not_is_not_found(caller: Caller, method: str, command: str) -> None:
    assert caller.raw(b"{}", method=method, path=f"/_simulator/{command}")[0] == 404


def recorded(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_every_accepted_event_is_recorded_on_a_line(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    with Recording(file) as recording:
        caller = start(recording=recording)[1]
        pretty = json.dumps(body(event(), event(event_id="e2")), indent=2).encode()
        assert caller.answer(pretty).code == 0
        caller.send(body(event(), test_event_code="TEST12345"))
        caller.send(body(event(event_id=5)))
        caller.send(body(event()))
    head = {"received_at": NOW, "event_source": "offline", "event_source_id": ADVERTISER}
    assert recorded(file) == [
        head | {"duplicate": False, "event": event()},
        head | {"duplicate": False, "event": event(event_id="e2")},
        head | {"test_event_code": "TEST12345", "duplicate": False, "event": event()},
        head | {"duplicate": True, "event": event()},
    ]


def test_a_recording_is_continued(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    for number in range(2):
        with Recording(file) as recording:
            start(recording=recording)[1].send(body(event(event_id=str(number))))
    assert [one["event"]["event_id"] for one in recorded(file)] == ["0", "1"]


def test_no_plain_identifier_is_recorded(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    with Recording(file) as recording:
        caller = start("unhashed=record", recording=recording)[1]
        user = {"email": [HASH, "jane@example.com"], "phone": "+12133734253", "mail": "jane@example.com"}
        caller.send(body(event(user=user, properties={"description": "call +12133734253", "value": 1.5})))
    hidden = "[plain identifier]"
    (one,) = recorded(file)
    assert one["event"]["user"] == {"email": [HASH, hidden], "phone": [hidden], "mail": hidden}
    assert one["event"]["properties"] == {"description": f"call {hidden}", "value": 1.5}


def test_a_fault_that_is_no_json_is_told_so(caller: Caller) -> None:
    status, said = caller.raw(b"meteor", path="/_simulator/faults")
    assert (status, json.loads(said)) == (400, {"error": "The body is not JSON."})
