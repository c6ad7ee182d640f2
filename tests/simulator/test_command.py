"""`connector simulate`, as it is typed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from connector.cli.app import app
from connector.cli.simulator_view import new_violations
from connector.simulator.server import Simulator
from connector.simulator.tally import Tally
from tests.simulator.client import PIXEL, Caller, body, event, web_body, web_event


@contextmanager
def simulating(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a process, and its URL: the first line that it prints."""
    command = [sys.executable, "-m", "connector", "simulate", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            told = process.stderr if "--json" in options else process.stdout
            assert told
            yield process, told.readline().strip()
        finally:
            process.kill()


def ended(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, str]:
    """What it printed after its URL, when it was asked to end."""
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    return out, err


def refused(*options: str) -> Result:
    return CliRunner().invoke(app, ["simulate", *options])


def test_it_prints_its_url_then_what_came_until_it_is_ended(tmp_path: Path) -> None:
    file, faults = tmp_path / "events.jsonl", tmp_path / "faults.yaml"
    faults.write_text("- {kind: error, times: 1}\n")
    options = ("--record", str(file), "--faults", str(faults), "--fault", "throttle:times=1", "--token", "t")
    with simulating(*options, "--event-source", PIXEL, "--strictness", "unhashed=record") as (process, url):
        caller = Caller(url)
        assert [caller.send(web_body(web_event()))[1] for _ in range(3)] == [40100, 50000, 0]
        assert caller.send(web_body(web_event()), token="u")[1] == 40105
        assert caller.send(body(event()))[1] == 40001
        caller.send(web_body(web_event(event_id="e2", user={"email": "jane@example.com"})))
        caller.connection.close()
        out, err = ended(process, signal.SIGINT)
    assert out == ""
    assert "The simulator got 6 requests and refused 4; it counted 2 events and discarded 0 duplicates." in err
    assert "VIOLATION: email is not hashed: 1" in err
    assert "identity: email 100%" in err
    assert "jane" not in err + file.read_text()
    assert len(file.read_text().splitlines()) == 2


def test_with_json_the_counts_are_the_one_thing_on_stdout() -> None:
    with simulating("--json") as (process, url):
        caller = Caller(url)
        caller.send(body(event()))
        caller.connection.close()
        out, err = ended(process, signal.SIGTERM)
    assert json.loads(out)["distinct"] == 1
    assert err == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fault", "meteor"], "Unknown fault 'meteor'"),
        (["--faults", "nowhere.yaml"], "nowhere.yaml: No such file or directory."),
        (["--strictness", "loud"], "Unknown strictness 'loud'"),
        (["--port", "70000"], "Invalid value for '--port'"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(options: list[str], message: str) -> None:
    result = refused(*options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_port_that_is_taken_is_named() -> None:
    with Simulator() as other:
        port = other.url.rpartition(":")[2]
        result = refused("--port", port)
    assert (result.exit_code, result.stderr) == (2, f"Cannot listen on port {port}: Address already in use.\n")


def test_a_file_that_cannot_be_recorded_to_is_named(tmp_path: Path) -> None:
    result = refused("--record", str(tmp_path), "--port", "0")
    assert result.exit_code == 1
    assert result.stderr == f"{tmp_path}: {os.strerror(21)}.\n"


def test_violations_are_told_when_there_are_more_of_them() -> None:
    before, after = Tally(), Tally()
    before.violations.update({"a": 1, "b": 1})
    after.violations.update({"a": 1, "b": 3, "c": 1})
    assert list(new_violations(before, after)) == ["VIOLATION: b: 3 in all", "VIOLATION: c: 1 in all"]


def test_the_view_renews_itself_on_a_terminal() -> None:
    import pty
    import select

    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "connector", "simulate", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=follower, text=True) as process:
        os.close(follower)
        assert process.stdout
        caller = Caller(process.stdout.readline().strip())
        caller.send(body(event(user={"email": "jane@example.com"})))
        shown = ""
        while "VIOLATION" not in shown and select.select([leader], [], [], 10)[0]:
            shown += os.read(leader, 4096).decode(errors="replace")
        process.send_signal(signal.SIGINT)
        process.wait(30)
        caller.connection.close()
        os.close(leader)
    assert "VIOLATION: email is not hashed: 1 value" in shown
    assert "jane" not in shown
