"""The stand-in as tests use it."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, PublicFormat

from tests.snowflake.logins import PASSWORD, USER

ROOT = Path(__file__).parents[2]
PHRASE = "phrase of the private key"
PLATFORM_DETECTION = "SNOWFLAKE_DISABLE_PLATFORM_DETECTION"
"""Without it the driver asks the addresses at which clouds tell machines about themselves."""


@dataclass(frozen=True)
class Account:
    """A running stand-in."""

    port: int
    private_key: Path

    @property
    def url(self) -> str:
        """The warehouse's URL, without where the server is."""
        return f"snowflake://{USER.lower()}@account/DB/PUBLIC?warehouse=LOADING&role=READER"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a warehouse that gets in with a password."""
        return {"url": self.url, "password": PASSWORD, "options": self.server}

    @property
    def server(self) -> dict[str, Any]:
        """Where the server is, which for a real account follows from its name."""
        return {"host": "127.0.0.1", "port": self.port, "protocol": "http"}

    def set(self, **settings: Any) -> None:
        """Lets something go wrong from here on, and forgets what was asked."""
        self._call("/control", json.dumps(settings).encode())

    def log(self, kind: str) -> list[Any]:
        """What was asked of the server since `set`: `sql`, `login`, `session`, `chunk`, `aborted` or `renewed`."""
        entries: list[dict[str, Any]] = json.loads(self._call("/log"))
        return [entry if kind == "login" else entry[kind] for entry in entries if kind in entry]

    def _call(self, path: str, body: bytes | None = None) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", body, timeout=20) as answer:
            read: bytes = answer.read()
        return read


@contextmanager
def snowflake_account() -> Iterator[Account]:
    """A server on a free port of this machine, gone with its data afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_keys(folder)
        account = Account(_free_port(), folder / "private.pem")
        os.environ[PLATFORM_DETECTION] = "true"
        with (folder / "log").open("wb") as log:
            command = [sys.executable, "-m", "tests.snowflake.server", str(account.port), str(folder / "public.pem")]
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            _wait_until_it_answers(account, process, folder / "log")
            yield account
        finally:
            process.terminate()
            process.wait(20)
            del os.environ[PLATFORM_DETECTION]


def _write_keys(folder: Path) -> None:
    key = generate_private_key(65_537, 2048)
    locked = BestAvailableEncryption(PHRASE.encode())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    (folder / "private.pem").write_bytes(private)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "public.pem").write_bytes(public)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def _wait_until_it_answers(account: Account, process: "subprocess.Popen[bytes]", log: Path) -> None:
    while process.poll() is None:
        try:
            account.set(expired=False)
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"The stand-in for Snowflake ended: {log.read_text()}")
