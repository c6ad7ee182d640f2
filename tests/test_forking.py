"""A command that is forked is what a command that is loaded anew would be."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from tests import forking

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked elsewhere")
COMMAND = [sys.executable, "-m", "tests.process_state"]


@pytest.fixture(autouse=True)
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a small program take the place of the product."""
    monkeypatch.setattr(forking, "COMMAND", COMMAND)
    monkeypatch.delenv(forking.REAL_STARTS, raising=False)
    forking.fork_commands()


def states(folder: Path, **options: Any) -> list[dict[str, Any]]:
    """Return the state of a process that is forked, and of one that is loaded anew, as a named program is."""
    root, found = {"PYTHONPATH": str(Path(__file__).parents[1])}, []
    env = {**os.environ, **root, "CONNECTOR_PROJECT": "here"}
    for executable in (None, sys.executable):
        file = folder / "state"
        subprocess.run([*COMMAND, "state", file], env=env, executable=executable, check=True, **options)
        found.append(json.loads(file.read_text()))
        file.unlink()
    return found


@pytest.mark.parametrize(
    "options",
    [{}, {"cwd": "/"}, {"start_new_session": True}, {"stdin": subprocess.DEVNULL}, {"capture_output": True}],
    ids=str,
)
def test_it_finds_what_it_would_find(tmp_path: Path, options: dict[str, Any]) -> None:
    before = os.umask(0o027)
    try:
        forked, anew = states(tmp_path, **options)
    finally:
        os.umask(before)
    assert forked == anew
    assert forked["process"][:3] == [0o027, "start_new_session" in options, os.getpid()]


def test_it_sits_at_a_terminal(tmp_path: Path) -> None:
    terminal, child = pty.openpty()
    forked, anew = states(tmp_path, stdin=child, stdout=child, stderr=child)
    os.close(terminal)
    os.close(child)
    assert forked == anew
    assert forked["terminals"] == [True] * 3


def test_its_streams_and_its_exit_code_are_its_own() -> None:
    done = subprocess.run([*COMMAND, "echo"], input="said", capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, "SAID\n", "")
    failed = subprocess.run([*COMMAND, "fail"], capture_output=True, text=True, timeout=60, check=False)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("Traceback")
    assert failed.stderr.endswith("ValueError: fail\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_no_other(number: signal.Signals) -> None:
    first, second = (subprocess.Popen([*COMMAND, "wait"], text=True, stdout=PIPE, stderr=PIPE) for _ in range(2))
    for process in (first, second):
        assert process.stdout
        assert int(process.stdout.readline()) == process.pid
    first.send_signal(number)
    first.communicate(timeout=60)
    assert first.returncode == -number
    assert second.poll() is None
    second.kill()
    second.communicate()


def test_what_would_be_read_while_loading_has_it_loaded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    forker = forking._forker()
    assert forker.is_like({**os.environ, "PYTHONPATH": forking.ROOT, "CONNECTOR_PROJECT": "here"})
    for name in ("PYTHONPATH", "HTTPS_PROXY", "TZ", "LC_ALL", "OPENBLAS_NUM_THREADS"):
        assert not forker.is_like({**os.environ, "PYTHONPATH": forking.ROOT, name: "other"})
