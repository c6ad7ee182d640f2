"""ClickHouse's engine behind its HTTP interface on a free port of this machine."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx

from tests.cli.command import ROOT
from tests.dbt.conftest import programs

CACHE = ROOT / ".cache" / "chdb"
PACKAGE = "chdb>=4.4,<5"


@dataclass
class ClickHouse:
    """A running server with a user `default` without a password, and `reader` with one."""

    port: int
    numbers: Iterator[int] = field(default_factory=count)

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"test_{next(self.numbers)}"
        self.ask(f"CREATE DATABASE {name}")
        return f"clickhouse://default@127.0.0.1:{self.port}/{name}"

    def ask(self, sql: str) -> str:
        """What a query gives, as text."""
        answer = httpx.post(f"http://127.0.0.1:{self.port}/", content=sql, auth=("default", ""), timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.text.strip()


@contextmanager
def clickhouse() -> Iterator[ClickHouse]:
    """A server with nothing in it, gone with all its data afterwards."""
    python = programs(CACHE, PACKAGE) / "python"
    with tempfile.TemporaryDirectory(prefix="click") as folder:
        command: list[str | Path] = [python, Path(__file__).with_name("http_server.py"), folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield ClickHouse(int(process.stdout.readline()))
            finally:
                process.kill()
