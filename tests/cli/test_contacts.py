"""A run speaks with its destination and with nobody else, and asks no name server."""

from pathlib import Path

from tests.cli.command import ROOT, connector
from tests.credentials.grants import NAME, selling, simulating

LISTENING = """
import os, sys

def note(event, arguments):
    if event in {"socket.connect", "socket.sendto"}:
        heard.write(f"{arguments[1]!r}\\n")
    elif event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}:
        heard.write(f"{(arguments[0], arguments[1]) if event.endswith('info') else arguments[0]!r}\\n")

heard = open(os.environ["HEARD"], "a", buffering=1)
sys.addaudithook(note)
"""
"""Python runs this first: the interpreter itself then tells of every connection, whichever library makes it."""


def test_a_run_connects_to_its_destination_only(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(LISTENING)
    heard = tmp_path / "heard"
    with simulating() as simulator:
        made = selling(tmp_path / "shop", simulator.url)
        environ = {
            "PYTHONPATH": f"{tmp_path}:{ROOT}",
            "HEARD": str(heard),
            "HTTPS_PROXY": "http://127.0.0.1:1",
            "HTTP_PROXY": "http://127.0.0.1:1",
        }
        assert connector("run", NAME, project=made.directory, environ=environ).code == 0
        port = int(simulator.url.rpartition(":")[2])
    assert set(heard.read_text().splitlines()) == {repr(("127.0.0.1", port))}
