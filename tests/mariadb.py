"""A real MariaDB on a free port of this machine, from Debian's packages."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pymysql

from tests.destinations.tls import authority
from tests.postgres import free_port

SERVER = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
INSTALLER = shutil.which("mariadb-install-db")
MISSING = "needs MariaDB: apt-get install mariadb-server-core mariadb-client-core"
_QUICK = (
    "--skip-log-bin",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-log-file-size=4M",
    "--innodb-buffer-pool-size=32M",
    "--performance-schema=OFF",
)


@dataclass
class MariaDB:
    """A running server with a user `root` without a password."""

    port: int
    authority: Path
    """Who signed the certificate of the server, which everybody is offered and nobody has to take."""
    socket: Path
    numbers: Iterator[int] = field(default_factory=count)

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"test_{next(self.numbers)}"
        self.ask("mysql", f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return self.named(name)

    def named(self, database: str) -> str:
        """The URL of a database, there or not."""
        return f"mysql://root@127.0.0.1:{self.port}/{database}"

    def ask(self, database: str, *statements: str) -> Any:
        """The first value of the last of some statements, if there is one."""
        address = {"host": "127.0.0.1", "port": self.port, "user": "root", "autocommit": True}
        with closing(pymysql.connect(database=database, **address)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            row = cursor.fetchone()
        return row[0] if row else None


@contextmanager
def mariadb() -> Iterator[MariaDB]:
    """A server with nothing in it, gone with all its data afterwards."""
    assert SERVER, MISSING
    # A socket's path has room for 107 characters: pytest's own folders are too deep.
    folder = Path(tempfile.mkdtemp(prefix="maria"))
    try:
        with _serving(folder, SERVER) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@contextmanager
def _serving(folder: Path, program: str) -> Iterator[MariaDB]:
    account: tuple[str, ...] = ()
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        account = ("--user=nobody",)
    data = f"--datadir={folder / 'data'}"
    plain = ("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
    subprocess.run([str(INSTALLER), "--no-defaults", data, *plain, *account], check=True, capture_output=True)
    signed = authority(folder, host="127.0.0.1")
    signed.served.chmod(0o644)
    server = MariaDB(free_port(), signed.certificate, folder / "socket")
    place = (f"--socket={server.socket}", f"--port={server.port}", "--bind-address=127.0.0.1")
    with (folder / "log").open("wb") as log:
        identity = (f"--ssl-cert={signed.served}", f"--ssl-key={signed.served}")
        command = [program, "--no-defaults", data, *place, *identity, *account, *_QUICK]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        _wait_until_it_answers(server, process, folder / "log")
        yield server
    finally:
        process.kill()
        process.wait(20)


def _wait_until_it_answers(server: MariaDB, process: "subprocess.Popen[bytes]", log: Path) -> None:
    while process.poll() is None:
        try:
            server.ask("mysql", "SELECT 1")
        except pymysql.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"MariaDB ended: {log.read_text()}")
