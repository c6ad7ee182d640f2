"""The project of the README's own query runs as it is written there, from each of its sources."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shlex import split

import duckdb
import psycopg
import pytest

from tests.docs.markdown import README, blocks
from tests.docs.session import Session, Step
from tests.postgres import postgres

BLOCKS = list(blocks(README))
FILES = {block.title: "\n".join(block.lines) + "\n" for block in BLOCKS if block.title}
COMMANDS = next(block.lines for block in BLOCKS if block.language == "sh")


def purchases(shop: str) -> list[tuple[str, datetime, str | None, str | None, float]]:
    """Two of a shop that can be sent, and one of which nobody knows whose it is."""
    now = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
    return [
        (f"{shop}1", now - timedelta(hours=1), "ann@example.com", None, 12.5),
        (f"{shop}2", now - timedelta(hours=2), None, "212 555 2368", 20.0),
        (f"{shop}3", now - timedelta(hours=3), None, None, 5.0),
    ]


def fill_postgresql(url: str) -> None:
    create = "CREATE TABLE purchases (receipt text, paid_at timestamp, email text, phone text, total numeric(10, 2))"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(create)
        for row in purchases("P"):
            connection.execute("INSERT INTO purchases VALUES (%s, %s, %s, %s, %s)", row)


def fill_duckdb(file: Path) -> None:
    create = "CREATE TABLE purchases (receipt TEXT, paid_at TIMESTAMP, email TEXT, phone TEXT, total DECIMAL(10, 2))"
    with closing(duckdb.connect(str(file))) as connection:
        connection.execute(create)
        connection.executemany("INSERT INTO purchases VALUES (?, ?, ?, ?, ?)", purchases("D"))


def fill_csv(file: Path) -> None:
    rows = [",".join("" if value is None else str(value) for value in (*row, "USD")) for row in purchases("C")]
    file.write_text("\n".join(["order_id,timestamp,email,phone,value,currency", *rows]) + "\n", "utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The files of the README in an empty folder, and the three sources they name."""
    folder = tmp_path_factory.mktemp("own")
    with postgres() as server:
        for name, text in FILES.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.replace("postgresql://reader@127.0.0.1:5432/crm", server.url), "utf-8")
        fill_postgresql(server.url)
        fill_duckdb(folder / "shop.duckdb")
        fill_csv(folder / "purchases.csv")
        yield folder


def test_the_commands_of_an_own_query_work_one_after_the_other(project: Path) -> None:
    session = Session(project)
    printed = {}
    for line in COMMANDS:
        command = " ".join(split(line, comments=True))
        printed[command] = session.run(Step(command, (), "README.md"))
        assert session.exit_code == 0, printed[command]
    assert "rows to send" in printed["connector plan from_duckdb"]
    assert "missing_identity" in printed["connector rejects latest"]
    delivered = [output for command, output in printed.items() if command.startswith("connector run")]
    assert len(delivered) == 3
    assert all("2 events in 1 request" in output for output in delivered), delivered
